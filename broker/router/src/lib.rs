//! PURE. Who gets a message.
#![forbid(unsafe_code)]
