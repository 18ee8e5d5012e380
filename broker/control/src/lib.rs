//! PURE. The replicated state machine of membership and the slot map.
#![forbid(unsafe_code)]
