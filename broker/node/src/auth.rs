//! Who a client is: anonymous, or a user of the password file whose password is right.
//!
//! Verification costs CPU on purpose, so it runs on a bounded number of blocking threads with a bounded
//! queue before them; neither a worker nor the runtime waits. Must not log or show a password or a hash.

mod cache;
mod hash;
mod limits;
mod password_file;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use arc_swap::ArcSwap;
use tokio::sync::Semaphore;

use crate::config::AuthConfig;
use crate::file_watch::FileWatch;
use cache::Cache;
use hash::StoredHash;
pub use password_file::PasswordFileError;
use password_file::Users;

/// What came of a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// A user of the password file.
    User(Arc<str>),
    /// Nobody in particular, and that is allowed.
    Anonymous,
    /// No such user, or not this password: the two are not told apart.
    BadCredentials,
    /// No user name, and anonymous access is off.
    NotAuthorized,
    /// Too many logins wait already.
    Busy,
}

/// See the module.
#[derive(Debug)]
pub struct Authenticator {
    allow_anonymous: bool,
    file: Option<PasswordFile>,
    /// One owner cannot be: logins of all tasks meet here, for the time of one lookup.
    cache: Mutex<Cache>,
    /// Verifications that run.
    threads: Arc<Semaphore>,
    /// Verifications that run or wait.
    places: Arc<Semaphore>,
}

#[derive(Debug)]
struct PasswordFile {
    path: PathBuf,
    users: ArcSwap<Users>,
    watch: Mutex<FileWatch>,
}

impl Authenticator {
    /// Reads the password file, if there is one.
    ///
    /// # Errors
    /// The file cannot be read, or a line is wrong.
    pub fn new(config: &AuthConfig, cache_key: &[u8; 32]) -> Result<Self, PasswordFileError> {
        let file = match &config.password_file {
            None => None,
            Some(path) => {
                let watch = FileWatch::new([path.clone()]);
                let users = Users::read(path)?;
                tracing::info!(file = %path.display(), users = users.len(), "password file read");
                Some(PasswordFile {
                    path: path.clone(),
                    users: ArcSwap::from_pointee(users),
                    watch: Mutex::new(watch),
                })
            }
        };
        Ok(Self {
            allow_anonymous: config.allow_anonymous,
            file,
            cache: Mutex::new(Cache::new(cache_key, config.cache)),
            threads: Arc::new(Semaphore::new(config.verify_threads_max)),
            places: Arc::new(Semaphore::new(
                config.verify_threads_max + config.verify_pending_max,
            )),
        })
    }

    /// Reads the password file again if it has changed. A file that is wrong changes nothing. Reads a
    /// file: not for the runtime's own threads.
    pub fn reload_if_changed(&self) {
        let Some(file) = &self.file else { return };
        if !lock(&file.watch).has_changed() {
            return;
        }
        match Users::read(&file.path) {
            Ok(users) => {
                tracing::info!(file = %file.path.display(), users = users.len(), "password file read again");
                file.users.store(Arc::new(users));
            }
            Err(error) => tracing::error!("{error}; the users read before stay"),
        }
    }

    /// Checks a login. Without a password file, a user name given to an anonymous broker proves nothing
    /// and is not kept.
    pub async fn authenticate(&self, user: Option<&str>, password: Option<&[u8]>) -> Verdict {
        let Some(user) = user else {
            return if self.allow_anonymous {
                Verdict::Anonymous
            } else {
                Verdict::NotAuthorized
            };
        };
        let Some(file) = &self.file else {
            return Verdict::Anonymous;
        };
        let Some(password) = password else {
            return Verdict::BadCredentials;
        };
        let users = file.users.load_full();
        let (stored, exists) = match (users.find(user), users.decoy()) {
            (Some(stored), _) => (stored, true),
            (None, Some(decoy)) => (decoy, false),
            (None, None) => return Verdict::BadCredentials,
        };
        let fingerprint = {
            let mut cache = lock(&self.cache);
            let fingerprint = cache.fingerprint(user, password, stored.digest());
            if exists && cache.contains(&fingerprint, Instant::now()) {
                return Verdict::User(user.into());
            }
            fingerprint
        };
        match self.verify(stored.clone(), password.to_vec()).await {
            None => Verdict::Busy,
            Some(true) if exists => {
                lock(&self.cache).insert(fingerprint, Instant::now());
                Verdict::User(user.into())
            }
            Some(_) => Verdict::BadCredentials,
        }
    }

    /// Verifies on a thread of the blocking pool; `None` if too many wait.
    async fn verify(&self, stored: StoredHash, password: Vec<u8>) -> Option<bool> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let thread = Arc::clone(&self.threads).acquire_owned().await.ok()?;
        let verify = move || {
            // Held here and not by the caller: one that gives up must not let another thread start.
            let _bounds = (place, thread);
            stored.verify(&password)
        };
        tokio::task::spawn_blocking(verify).await.ok()
    }
}

/// A panic while holding one of these locks leaves nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const CAROL: &str = "carol:$6$DU4UV8OosO3wCli3$zjU/B0Q2myyCSUhvQg5ePnIM6tv878Z3NSFdSTUhh1vgci9dYxGT78QHn6VC1Tpjd9UBl4uTiQ5t052arqfh5A==\n";
    const ALICE: &str = "alice:$7$101$wrzTjLMbbPM9CqgR$MvRVyKZPOBJLMzVWrvAAhjJTlwcEpjgeffElw3b9bllE/h1rLmoco6PxxFPoNXMhTXiI8OfOLtk4q6W0dmZOyQ==\n";

    fn config(allow_anonymous: bool, password_file: Option<PathBuf>) -> AuthConfig {
        AuthConfig {
            allow_anonymous,
            password_file,
            verify_threads_max: 1,
            verify_pending_max: 4,
            cache: Duration::from_secs(60),
        }
    }

    #[tokio::test]
    async fn only_the_right_password_of_a_known_user_is_let_in() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("users");
        std::fs::write(&path, CAROL).unwrap();
        let auth = Authenticator::new(&config(false, Some(path)), &[1; 32]).unwrap();
        let carol = Verdict::User("carol".into());
        // Twice: the second time from the cache.
        assert_eq!(
            auth.authenticate(Some("carol"), Some(b"correct horse"))
                .await,
            carol
        );
        assert_eq!(
            auth.authenticate(Some("carol"), Some(b"correct horse"))
                .await,
            carol
        );
        for (user, password) in [
            ("carol", &b"wrong"[..]),
            ("dave", b"correct horse"),
            ("", b""),
        ] {
            assert_eq!(
                auth.authenticate(Some(user), Some(password)).await,
                Verdict::BadCredentials
            );
        }
        assert_eq!(
            auth.authenticate(Some("carol"), None).await,
            Verdict::BadCredentials
        );
        assert_eq!(auth.authenticate(None, None).await, Verdict::NotAuthorized);
    }

    #[tokio::test]
    async fn a_changed_file_counts_at_once_and_a_broken_one_does_not() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("users");
        std::fs::write(&path, CAROL).unwrap();
        let auth = Authenticator::new(&config(true, Some(path.clone())), &[1; 32]).unwrap();
        let login = || auth.authenticate(Some("carol"), Some(b"correct horse"));
        assert_eq!(login().await, Verdict::User("carol".into()));
        std::fs::write(&path, "broken").unwrap();
        auth.reload_if_changed();
        assert_eq!(login().await, Verdict::User("carol".into()));
        std::fs::write(&path, ALICE).unwrap();
        auth.reload_if_changed();
        assert_eq!(login().await, Verdict::BadCredentials);
        assert_eq!(
            auth.authenticate(Some("alice"), Some(b"secret")).await,
            Verdict::User("alice".into())
        );
        assert_eq!(auth.authenticate(None, None).await, Verdict::Anonymous);
    }

    #[tokio::test]
    async fn more_logins_than_may_wait_are_told_so() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("users");
        std::fs::write(&path, CAROL).unwrap();
        let auth = Authenticator::new(&config(false, Some(path)), &[1; 32]).unwrap();
        let _all = auth.places.try_acquire_many(5).unwrap();
        assert_eq!(
            auth.authenticate(Some("carol"), Some(b"x")).await,
            Verdict::Busy
        );
    }
}
