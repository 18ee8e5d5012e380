//! Topic aliases. None are accepted and none are set up yet: we announce a Topic Alias Maximum of 0.
//! The table of aliases per direction belongs here.

use std::num::NonZeroU16;

use quorate_codec::ReasonCode;

/// An alias above what we announced is not allowed (MQTT-3.3.2-9); 0 the codec has refused.
pub(crate) fn check(alias: Option<NonZeroU16>, topic_aliases_max: u16) -> Result<(), ReasonCode> {
    match alias {
        None => Ok(()),
        Some(alias) if alias.get() <= topic_aliases_max => Ok(()),
        Some(_) => Err(ReasonCode::TopicAliasInvalid),
    }
}
