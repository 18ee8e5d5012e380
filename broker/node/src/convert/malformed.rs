//! What can be wrong with bytes that claim to be one of our messages.

/// Why stored bytes were not understood.
#[derive(Debug, thiserror::Error)]
pub enum Malformed {
    /// They are not protobuf of the expected message.
    #[error("not a valid protobuf message")]
    Wire(#[from] prost::DecodeError),
    /// A field without which the message means nothing is absent.
    #[error("field {0} is missing")]
    Missing(&'static str),
    /// A number is outside of what the field allows.
    #[error("field {field} is {value}, which is out of range")]
    Range {
        /// The field.
        field: &'static str,
        /// What was read.
        value: u64,
    },
}

/// Narrows a number that was widened for the wire.
pub(super) fn narrow<T: TryFrom<u32>>(field: &'static str, value: u32) -> Result<T, Malformed> {
    T::try_from(value).map_err(|_| Malformed::Range {
        field,
        value: value.into(),
    })
}

/// Unwraps a message that must be there.
pub(super) fn present<T>(field: &'static str, value: Option<T>) -> Result<T, Malformed> {
    value.ok_or(Malformed::Missing(field))
}
