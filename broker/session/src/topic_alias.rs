//! Topic aliases, both ways (MQTT 5, 3.3.2.3.4). They end with the connection (MQTT-3.3.2-7), and the two
//! directions know nothing of each other (MQTT-3.3.2-11).

use std::num::NonZeroU16;
use std::sync::Arc;

use quorate_codec::{Publish, ReasonCode};

use crate::limits::TOPIC_ALIAS_BYTES_MAX;
use crate::output::Step;
use crate::session::{Session, close, protocol_error};

/// How a topic is told to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutboundAlias {
    /// By its name: the client takes no alias more.
    None,
    /// By its name, with an alias for the next time; [`Session::topic_alias_sent`] follows if it is sent so.
    Fresh(NonZeroU16),
    /// By this alias alone.
    Known(NonZeroU16),
}

/// Aliases of a connection; few connections have any.
#[derive(Debug, Default)]
pub(crate) struct Aliases {
    /// What the client set up, by alias.
    inbound: Vec<Option<Arc<str>>>,
    inbound_bytes: usize,
    /// What we set up: alias 1 first. The first topics keep their aliases, so that a client with many
    /// topics costs no allocation for each message.
    outbound: Vec<Box<str>>,
}

impl Aliases {
    fn set(&mut self, alias: NonZeroU16, topic: &str) -> Result<(), ReasonCode> {
        let at = usize::from(alias.get() - 1);
        if self.inbound.len() <= at {
            self.inbound.resize(at + 1, None);
        }
        let place = &mut self.inbound[at];
        if place.as_deref() == Some(topic) {
            return Ok(());
        }
        let before = place.as_ref().map_or(0, |topic| topic.len());
        let bytes = self.inbound_bytes - before + topic.len();
        if bytes > TOPIC_ALIAS_BYTES_MAX {
            return Err(ReasonCode::QuotaExceeded);
        }
        self.inbound_bytes = bytes;
        *place = Some(Arc::from(topic));
        Ok(())
    }

    fn topic(&self, alias: NonZeroU16) -> Option<&Arc<str>> {
        self.inbound.get(usize::from(alias.get() - 1))?.as_ref()
    }

    fn alias(&self, topic: &str) -> Option<NonZeroU16> {
        let at = self.outbound.iter().position(|known| **known == *topic)?;
        number(at)
    }
}

impl Session {
    /// The topic that an alias stands for; `None` if the PUBLISH names its topic itself. For one that
    /// [`Session::handle_publish`] has just let pass.
    pub fn aliased_topic(&self, publish: &Publish<'_>) -> Option<Arc<str>> {
        if !publish.topic.is_empty() {
            return None;
        }
        let alias = publish.properties.topic_alias?;
        self.aliases.as_ref()?.topic(alias).cloned()
    }

    /// Whether the client takes aliases at all; a compare for all those that do not.
    #[inline]
    pub fn sets_topic_aliases(&self) -> bool {
        self.client.topic_alias_maximum > 0
    }

    /// How the topic of a delivery is told.
    pub fn topic_alias(&self, topic: &str) -> OutboundAlias {
        let aliases = self.aliases.as_deref();
        if let Some(alias) = aliases.and_then(|aliases| aliases.alias(topic)) {
            return OutboundAlias::Known(alias);
        }
        let used = aliases.map_or(0, |aliases| aliases.outbound.len());
        if used >= usize::from(self.client.topic_alias_maximum) {
            return OutboundAlias::None;
        }
        number(used).map_or(OutboundAlias::None, OutboundAlias::Fresh)
    }

    /// The client was sent the topic with the alias that [`Session::topic_alias`] offered.
    pub fn topic_alias_sent(&mut self, topic: &str) {
        let aliases = self.aliases.get_or_insert_default();
        aliases.outbound.push(topic.into());
    }

    /// Sets or looks up the alias of a PUBLISH; the step that ends the connection if that is wrong.
    pub(crate) fn take_alias(&mut self, publish: &Publish<'_>) -> Option<Step<'static>> {
        let alias = publish.properties.topic_alias?;
        if alias.get() > self.limits.topic_aliases_max {
            let reason = ReasonCode::TopicAliasInvalid;
            return Some(close(reason, "topic alias above our maximum"));
        }
        if publish.topic.is_empty() {
            let known = self.aliases.as_ref().and_then(|known| known.topic(alias));
            return match known {
                Some(_) => None,
                None => Some(protocol_error("topic alias that was never set")),
            };
        }
        let aliases = self.aliases.get_or_insert_default();
        let set = aliases.set(alias, publish.topic);
        set.err()
            .map(|reason| close(reason, "topics of aliases are too long together"))
    }
}

fn number(at: usize) -> Option<NonZeroU16> {
    NonZeroU16::new(u16::try_from(at + 1).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alias(number: u16) -> NonZeroU16 {
        NonZeroU16::new(number).unwrap()
    }

    #[test]
    fn topics_of_aliases_are_bounded_together() {
        let mut aliases = Aliases::default();
        let long = "x".repeat(TOPIC_ALIAS_BYTES_MAX / 2);
        assert_eq!(aliases.set(alias(1), &long), Ok(()));
        assert_eq!(aliases.set(alias(2), &long), Ok(()));
        assert_eq!(
            aliases.set(alias(3), "y"),
            Err(ReasonCode::QuotaExceeded),
            "no room"
        );
        assert_eq!(aliases.set(alias(2), "z"), Ok(()), "what it replaces goes");
        assert_eq!(aliases.set(alias(3), "y"), Ok(()));
        assert_eq!(aliases.topic(alias(2)).map(|topic| &**topic), Some("z"));
    }
}
