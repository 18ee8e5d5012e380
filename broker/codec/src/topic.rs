//! Topic names and topic filters (4.7) as types that exist only if valid. Must not know who subscribes.

mod share;

pub use share::{ShareFilter, SubscriptionFilter};

use crate::limits::FIELD_BYTES_MAX;
use crate::scan::{has_nul, has_nul_or_wildcard};

/// Why a string is no topic name or no topic filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// At least one character is needed (MQTT-4.7.3-1).
    #[error("is empty")]
    Empty,
    /// U+0000 is not allowed (MQTT-4.7.3-2).
    #[error("contains U+0000")]
    NulCharacter,
    /// At most 65 535 bytes (MQTT-4.7.3-3).
    #[error("is longer than 65535 bytes")]
    TooLong,
    /// `+` and `#` are for filters only (MQTT-3.3.2-2).
    #[error("contains a wildcard")]
    Wildcard,
    /// `#` fills the last level, `+` a whole one (MQTT-4.7.1-1, MQTT-4.7.1-2).
    #[error("has a wildcard that does not fill its level, or # before the last level")]
    WildcardPlace,
    /// The share name is missing or contains a wildcard (MQTT-4.8.2-1, MQTT-4.8.2-2).
    #[error("has no valid share name")]
    ShareName,
    /// No filter behind the share name (MQTT-4.8.2-2).
    #[error("has no filter behind the share name")]
    ShareFilter,
}

/// A server's bounds on topics, tighter than the protocol's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopicLimits {
    /// Longest name or filter in bytes.
    pub bytes_max: usize,
    /// Most levels; `a/b` has two.
    pub levels_max: usize,
}

impl TopicLimits {
    /// Whether a topic name or filter keeps within the bounds.
    pub fn admit(&self, topic: &str) -> bool {
        topic.len() <= self.bytes_max
            // A topic of n bytes has at most n + 1 levels: most need no count.
            && (topic.len() < self.levels_max || topic.split('/').count() <= self.levels_max)
    }
}

/// A valid topic name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicName<'a>(&'a str);

impl<'a> TopicName<'a> {
    /// The name, if it keeps the rules of 4.7.3 and has no wildcard.
    #[inline]
    pub fn parse(text: &'a str) -> Result<Self, TopicError> {
        let bytes = text.as_bytes();
        if has_nul_or_wildcard(bytes) || bytes.is_empty() || bytes.len() > FIELD_BYTES_MAX {
            return Err(Self::reproach(text));
        }
        Ok(Self(text))
    }

    #[cold]
    fn reproach(text: &str) -> TopicError {
        match check_text(text) {
            Ok(()) => TopicError::Wildcard,
            Err(error) => error,
        }
    }

    /// The name itself.
    pub const fn as_str(self) -> &'a str {
        self.0
    }

    /// Its levels; empty ones count (4.7.1.1).
    pub fn levels(self) -> impl Iterator<Item = &'a str> {
        self.0.split('/')
    }
}

/// A valid topic filter, without a share prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicFilter<'a>(&'a str);

impl<'a> TopicFilter<'a> {
    /// The filter, if it keeps the rules of 4.7.1 and 4.7.3.
    pub fn parse(text: &'a str) -> Result<Self, TopicError> {
        check_text(text)?;
        let bytes = text.as_bytes();
        for (at, &byte) in bytes.iter().enumerate() {
            if byte != b'+' && byte != b'#' {
                continue;
            }
            let opens = at == 0 || bytes[at - 1] == b'/';
            let closes = match bytes.get(at + 1) {
                None => true,
                Some(&next) => next == b'/' && byte == b'+',
            };
            if !opens || !closes {
                return Err(TopicError::WildcardPlace);
            }
        }
        Ok(Self(text))
    }

    /// The filter itself.
    pub const fn as_str(self) -> &'a str {
        self.0
    }

    /// Its levels; empty ones count, and so do `+` and `#`.
    pub fn levels(self) -> impl Iterator<Item = &'a str> {
        self.0.split('/')
    }

    /// Whether it can match more than one topic.
    pub fn has_wildcard(self) -> bool {
        self.0.bytes().any(|byte| byte == b'+' || byte == b'#')
    }

    /// Whether a valid topic name matches (4.7.1, 4.7.2). Written to be obviously right: the yardstick for
    /// faster matchers, not the way to route.
    pub fn matches(self, topic: &str) -> bool {
        let mut topic_levels = topic.split('/');
        for (index, level) in self.levels().enumerate() {
            // Topics that begin with $ are hidden from a leading wildcard (MQTT-4.7.2-1).
            if index == 0 && (level == "+" || level == "#") && topic.starts_with('$') {
                return false;
            }
            if level == "#" {
                return true; // `a/#` matches `a` too (4.7.1.2): nothing need be left of the topic.
            }
            match topic_levels.next() {
                Some(name) if level == "+" || level == name => {}
                Some(_) | None => return false,
            }
        }
        topic_levels.next().is_none()
    }
}

/// What holds for names and filters alike (4.7.3).
fn check_text(text: &str) -> Result<(), TopicError> {
    if text.is_empty() {
        return Err(TopicError::Empty);
    }
    if text.len() > FIELD_BYTES_MAX {
        return Err(TopicError::TooLong);
    }
    if has_nul(text.as_bytes()) {
        return Err(TopicError::NulCharacter);
    }
    Ok(())
}
