//! The words of a step: `verb word name=value`. Knows no packet.

use std::num::NonZeroU16;

use anyhow::{Context as _, Result};
use quorate_codec::{PacketId, QoS, ReasonCode, Version};

/// Words that are flags of their step wherever they stand.
const FLAGS: [&str; 3] = ["retain", "dup", "utf8"];

/// See the module.
pub(super) struct Words<'l>(Vec<&'l str>);

impl<'l> Words<'l> {
    pub(super) fn new(line: &'l str) -> Self {
        Self(line.split_whitespace().collect())
    }

    pub(super) fn verb(&self) -> &'l str {
        self.0.first().copied().unwrap_or_default()
    }

    /// Words behind the verb.
    pub(super) fn rest(&self) -> &[&'l str] {
        self.0.get(1..).unwrap_or_default()
    }

    /// Words behind the verb that are neither `name=value` nor flags.
    pub(super) fn plain(&self) -> impl Iterator<Item = &'l str> + '_ {
        let words = self.rest().iter().copied();
        words.filter(|word| !word.contains('=') && !FLAGS.contains(word))
    }

    pub(super) fn has(&self, word: &str) -> bool {
        self.rest().contains(&word)
    }

    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &'l str> + '_ {
        let name = format!("{name}=");
        self.rest()
            .iter()
            .filter_map(move |word| word.strip_prefix(name.as_str()))
    }

    pub(super) fn text(&self, name: &str) -> Option<&'l str> {
        self.all(name).next()
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.text(name)?.parse().ok()
    }

    pub(super) fn version(&self) -> Version {
        if self.has("v311") {
            Version::V311
        } else if self.has("v31") {
            Version::V31
        } else {
            Version::V5
        }
    }

    pub(super) fn qos(&self, name: &str) -> QoS {
        let number = self.number(name).unwrap_or(0);
        QoS::from_bits(number as u8).unwrap_or(QoS::AtMostOnce)
    }

    pub(super) fn packet_id(&self) -> Result<PacketId> {
        let number = self.number("id").context("id=N is missing")?;
        NonZeroU16::new(number as u16).context("id is 0")
    }

    /// The reason code named in the step; *Success* if there is none.
    pub(super) fn reason(&self) -> ReasonCode {
        let named = |word: &&str| {
            let mut all = ReasonCode::ALL.iter();
            all.find(|reason| format!("{reason:?}") == *word).copied()
        };
        self.rest()
            .iter()
            .find_map(named)
            .unwrap_or(ReasonCode::Success)
    }
}
