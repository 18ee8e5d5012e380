//! Remembers for a short while which logins were right, so that mass reconnects do not pay for the hash
//! again. Holds keyed digests only: no password, nothing that helps without the process's random key.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use foldhash::HashSet;
use pbkdf2::hmac::{Hmac, KeyInit, Mac};
use sha2::Sha512;

use super::limits::CACHE_ENTRIES_MAX;

type Fingerprint = [u8; 32];

/// See the module.
pub(super) struct Cache {
    key: Hmac<Sha512>,
    lifetime: Duration,
    known: HashSet<Fingerprint>,
    /// In the order they were added, which is the order they expire in.
    expiries: VecDeque<(Instant, Fingerprint)>,
}

impl Cache {
    /// An empty cache; `key` must be random and known to nobody else.
    pub(super) fn new(key: &[u8; 32], lifetime: Duration) -> Self {
        Self {
            key: Hmac::new_from_slice(key).expect("HMAC takes keys of any length"),
            lifetime,
            known: HashSet::default(),
            expiries: VecDeque::new(),
        }
    }

    /// What stands for one login. `stored` is the user's stored hash: with another password in the file,
    /// nothing that was remembered fits any more.
    pub(super) fn fingerprint(&self, user: &str, password: &[u8], stored: &[u8]) -> Fingerprint {
        let mut mac = self.key.clone();
        for part in [user.as_bytes(), password, stored] {
            // With its length, so that two logins never run into the same bytes.
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part);
        }
        let bytes = mac.finalize().into_bytes();
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(&bytes[..32]);
        fingerprint
    }

    /// Whether this login was right not long ago.
    pub(super) fn contains(&mut self, fingerprint: &Fingerprint, now: Instant) -> bool {
        self.expire(now);
        self.known.contains(fingerprint)
    }

    /// Remembers a login that was right. It is not prolonged when it is right again.
    pub(super) fn insert(&mut self, fingerprint: Fingerprint, now: Instant) {
        self.expire(now);
        if self.lifetime.is_zero() || self.known.len() >= CACHE_ENTRIES_MAX {
            return;
        }
        if self.known.insert(fingerprint) {
            self.expiries.push_back((now + self.lifetime, fingerprint));
        }
    }

    fn expire(&mut self, now: Instant) {
        while let Some(&(expiry, fingerprint)) = self.expiries.front()
            && expiry <= now
        {
            self.expiries.pop_front();
            self.known.remove(&fingerprint);
        }
    }
}

impl std::fmt::Debug for Cache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Cache({} logins)", self.known.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_known_until_it_expires() {
        let mut cache = Cache::new(&[7; 32], Duration::from_secs(60));
        let start = Instant::now();
        let login = cache.fingerprint("carol", b"secret", b"stored");
        assert!(!cache.contains(&login, start));
        cache.insert(login, start);
        assert!(cache.contains(&login, start + Duration::from_secs(59)));
        assert!(!cache.contains(&login, start + Duration::from_secs(60)));
        assert!(cache.expiries.is_empty());
    }

    #[test]
    fn other_logins_and_other_stored_hashes_are_other_logins() {
        let cache = Cache::new(&[7; 32], Duration::from_secs(60));
        let login = cache.fingerprint("ab", b"c", b"stored");
        assert_ne!(login, cache.fingerprint("a", b"bc", b"stored"));
        assert_ne!(login, cache.fingerprint("ab", b"c", b"changed"));
        assert_ne!(
            login,
            Cache::new(&[8; 32], Duration::ZERO).fingerprint("ab", b"c", b"stored")
        );
    }

    #[test]
    fn it_is_bounded() {
        let mut cache = Cache::new(&[7; 32], Duration::from_secs(60));
        let now = Instant::now();
        for n in 0..CACHE_ENTRIES_MAX + 10 {
            let login = cache.fingerprint(&n.to_string(), b"", b"");
            cache.insert(login, now);
        }
        assert_eq!(cache.known.len(), CACHE_ENTRIES_MAX);
    }
}
