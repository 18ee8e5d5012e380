//! An in-memory disk that crashes by a seed.
/// An in-memory disk that crashes by a seed.
#[derive(Clone, Debug, Default)]
pub struct SimDisk {}
