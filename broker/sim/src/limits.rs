//! Every bound of the simulation, with its reason.

/// Chaos ends after this many steps, unless the scenario is shorter: enough for hundreds of messages and some crashes.
pub(crate) const STEPS_MAX: usize = 5_000;
/// PUBLISHes a client leaves unacknowledged. Small, so that packet ids come again soon.
pub(crate) const CLIENT_IN_FLIGHT_MAX: usize = 6;
/// Packet ids a client uses in turn; above what it may have in flight, and small for the same reason.
pub(crate) const CLIENT_PACKET_IDS_MAX: u16 = 12;
/// Acknowledgements a slow client holds back.
pub(crate) const CLIENT_ACKS_MAX: usize = 24;
/// Messages one seed publishes: bounds the history.
pub(crate) const MESSAGES_MAX: usize = 400;
/// Rounds in which everything must have come to rest once nothing fails any more. A round moves every byte and
/// applies every batch, so a queue of some hundred entries and a window of one drains in less.
pub(crate) const DRAIN_ROUNDS_MAX: usize = 1_500;
/// Rounds without any change that count as rest.
pub(crate) const REST_ROUNDS: usize = 3;
/// Lists of origins that may wait to be forgotten, as in the node.
pub(crate) const FORGET_LISTS_MAX: usize = 1_024;
/// Bytes of a log segment: small, so that a seed goes through several.
pub(crate) const SEGMENT_BYTES: u64 = 64 * 1024;
