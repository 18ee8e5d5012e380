//! PURE. One client's protocol state.
#![forbid(unsafe_code)]
