//! The words of a script line: `verb number name name=value`. Knows no session.

use quorate_codec::{PacketId, QoS, ReasonCode};

use crate::story::reason_by_name;

/// See the module.
pub(crate) struct Words<'l>(Vec<&'l str>);

impl<'l> Words<'l> {
    pub(crate) fn new(line: &'l str) -> Self {
        Self(line.split_whitespace().collect())
    }

    pub(crate) fn verb(&self) -> &'l str {
        self.0[0]
    }

    /// Words behind the verb.
    pub(crate) fn rest(&self) -> &[&'l str] {
        &self.0[1..]
    }

    pub(crate) fn has(&self, word: &str) -> bool {
        self.rest().contains(&word)
    }

    /// The number at a place behind the verb.
    pub(crate) fn number(&self, place: usize) -> u64 {
        self.rest()[place].parse().unwrap()
    }

    pub(crate) fn packet_id(&self) -> PacketId {
        PacketId::new(self.number(0) as u16).unwrap()
    }

    pub(crate) fn text(&self, name: &str) -> Option<&'l str> {
        self.rest()
            .iter()
            .find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
    }

    pub(crate) fn value(&self, name: &str) -> Option<u64> {
        self.text(name).map(|value| value.parse().unwrap())
    }

    /// `name=1:2,3:4`.
    pub(crate) fn pairs(&self, name: &str) -> Vec<(u64, u64)> {
        let Some(text) = self.text(name) else {
            return vec![];
        };
        text.split(',')
            .map(|pair| pair.split_once(':').unwrap())
            .map(|(left, right)| (left.parse().unwrap(), right.parse().unwrap()))
            .collect()
    }

    pub(crate) fn qos(&self) -> QoS {
        QoS::from_bits(self.value("qos").unwrap() as u8).unwrap()
    }

    /// The reason code named on the line; *Success* if there is none.
    pub(crate) fn reason(&self) -> ReasonCode {
        let named = self.rest().iter().find_map(|word| reason_by_name(word));
        named.unwrap_or(ReasonCode::Success)
    }
}
