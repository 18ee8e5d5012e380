//! Filters as SUBSCRIBE carries them: plain, or shared by a group (4.8.2). Must not balance anything.

use super::{TopicError, TopicFilter};

/// A filter with the name of the group that shares it: `$share/group/filter`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShareFilter<'a> {
    text: &'a str,
    group: &'a str,
    filter: TopicFilter<'a>,
}

impl<'a> ShareFilter<'a> {
    /// What every shared filter begins with.
    pub const PREFIX: &'static str = "$share/";

    /// A whole shared filter, prefix included.
    pub fn parse(text: &'a str) -> Result<Self, TopicError> {
        let rest = text
            .strip_prefix(Self::PREFIX)
            .ok_or(TopicError::ShareName)?;
        let (group, filter) = rest.split_once('/').ok_or(TopicError::ShareFilter)?;
        if group.is_empty() || group.bytes().any(|byte| matches!(byte, b'+' | b'#' | 0)) {
            return Err(TopicError::ShareName);
        }
        if filter.is_empty() {
            return Err(TopicError::ShareFilter);
        }
        let filter = TopicFilter::parse(filter)?;
        Ok(Self {
            text,
            group,
            filter,
        })
    }

    /// The whole, as the client wrote it.
    pub const fn as_str(self) -> &'a str {
        self.text
    }

    /// The share name.
    pub const fn group(self) -> &'a str {
        self.group
    }

    /// What the group subscribes to.
    pub const fn filter(self) -> TopicFilter<'a> {
        self.filter
    }
}

/// A filter of SUBSCRIBE or UNSUBSCRIBE. Clients of all versions may share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SubscriptionFilter<'a> {
    /// Every subscriber gets its copy.
    Plain(TopicFilter<'a>),
    /// One member of the group gets it.
    Shared(ShareFilter<'a>),
}

impl<'a> SubscriptionFilter<'a> {
    /// The filter, if it is valid.
    pub fn parse(text: &'a str) -> Result<Self, TopicError> {
        if text.starts_with(ShareFilter::PREFIX) {
            ShareFilter::parse(text).map(Self::Shared)
        } else {
            TopicFilter::parse(text).map(Self::Plain)
        }
    }

    /// The whole, as the client wrote it.
    pub const fn as_str(self) -> &'a str {
        match self {
            Self::Plain(filter) => filter.as_str(),
            Self::Shared(share) => share.as_str(),
        }
    }

    /// What topics are matched against.
    pub const fn filter(self) -> TopicFilter<'a> {
        match self {
            Self::Plain(filter) => filter,
            Self::Shared(share) => share.filter(),
        }
    }

    /// The share name, if there is one.
    pub const fn group(self) -> Option<&'a str> {
        match self {
            Self::Plain(_) => None,
            Self::Shared(share) => Some(share.group()),
        }
    }
}
