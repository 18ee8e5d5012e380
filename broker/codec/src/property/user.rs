//! User properties: pairs of strings, in order, any number of each name (3.1.2.11.8).
//! Must not interpret them.

use std::fmt;

use super::{RawProperties, id};
use crate::error::EncodeError;
use crate::writer::put_string;

/// User properties of one packet: a view of its bytes, or pairs to be encoded.
#[derive(Clone, Copy)]
pub struct UserProperties<'a>(Source<'a>);

#[derive(Clone, Copy)]
enum Source<'a> {
    /// A validated property block, other properties included.
    Block(&'a [u8]),
    Pairs(&'a [(&'a str, &'a str)]),
}

impl<'a> UserProperties<'a> {
    /// No user properties.
    pub const NONE: Self = Self(Source::Pairs(&[]));

    /// The given pairs, to be encoded.
    pub const fn new(pairs: &'a [(&'a str, &'a str)]) -> Self {
        Self(Source::Pairs(pairs))
    }

    /// Those in a validated block.
    pub(crate) const fn in_block(block: &'a [u8]) -> Self {
        Self(Source::Block(block))
    }

    /// The pairs in order.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let (block, pairs): (&'a [u8], &'a [_]) = match self.0 {
            Source::Block(block) => (block, &[]),
            Source::Pairs(pairs) => (&[], pairs),
        };
        RawProperties::new(block)
            .filter(|(id, _, _)| *id == id::USER_PROPERTY)
            .filter_map(|(_, _, mut value)| Some((value.string().ok()?, value.string().ok()?)))
            .chain(pairs.iter().copied())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        for (name, value) in self.iter() {
            out.push(id::USER_PROPERTY);
            put_string(out, name)?;
            put_string(out, value)?;
        }
        Ok(())
    }
}

impl Default for UserProperties<'_> {
    fn default() -> Self {
        Self::NONE
    }
}

impl PartialEq for UserProperties<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for UserProperties<'_> {}

impl fmt::Debug for UserProperties<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
