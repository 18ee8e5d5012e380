//! Bounds of authentication that nobody needs to configure.

/// Iterations of one PBKDF2 hash. 101 is mosquitto's default, 210 000 today's advice; ten million is
/// several seconds, which nobody means.
pub(super) const PBKDF2_ITERATIONS_MAX: u32 = 10_000_000;
/// Memory of one argon2id hash in KiB: 1 GiB. One verification must not end the node.
pub(super) const ARGON2_MEMORY_KIB_MAX: u32 = 1 << 20;
/// Passes of one argon2id hash; mosquitto uses 1.
pub(super) const ARGON2_PASSES_MAX: u32 = 64;
/// Lanes of one argon2id hash; mosquitto uses 1.
pub(super) const ARGON2_LANES_MAX: u32 = 16;
/// Logins remembered as verified: 40 bytes each, so half a megabyte.
pub(super) const CACHE_ENTRIES_MAX: usize = 10_000;
/// Size of a password file in bytes: a million users of 128 bytes.
pub(super) const PASSWORD_FILE_BYTES_MAX: u64 = 128 << 20;
