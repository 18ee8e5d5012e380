//! Certificates, keys and CAs from files, and what is built from them, replaced when the files change.
//! Shared by the front door, the peers and the admin service; does no handshake.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::file_watch::FileWatch;

/// Why TLS files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsFilesError {
    /// A file cannot be read, or holds no PEM of the right kind.
    #[error("{what} {path}: {source}", path = path.display())]
    Pem {
        /// Which file it is.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: rustls::pki_types::pem::Error,
    },
    /// A file holds no certificate.
    #[error("{what} {path} holds no certificate in PEM", path = path.display())]
    Empty {
        /// Which file it is.
        what: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// The files do not fit together, or rustls refuses them.
    #[error("certificate {cert} with key {key}: {source}", cert = cert.display(), key = key.display())]
    Refused {
        /// The certificate chain.
        cert: PathBuf,
        /// The private key.
        key: PathBuf,
        /// Why.
        source: rustls::Error,
    },
    /// A CA file holds something that can be no trust anchor.
    #[error("{what} {path}: {problem}", path = path.display())]
    Ca {
        /// Which CA it is.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        problem: String,
    },
}

/// The certificates of a file; at least one.
pub(crate) fn certificates(
    what: &'static str,
    path: &Path,
) -> Result<Vec<CertificateDer<'static>>, TlsFilesError> {
    let certificates: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|source| TlsFilesError::Pem {
            what,
            path: path.to_owned(),
            source,
        })?;
    if certificates.is_empty() {
        return Err(TlsFilesError::Empty {
            what,
            path: path.to_owned(),
        });
    }
    Ok(certificates)
}

/// The private key of a file.
pub(crate) fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsFilesError> {
    PrivateKeyDer::from_pem_file(path).map_err(|source| TlsFilesError::Pem {
        what: "private key",
        path: path.to_owned(),
        source,
    })
}

/// The trust anchors of a CA file.
pub(crate) fn roots(what: &'static str, path: &Path) -> Result<RootCertStore, TlsFilesError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(what, path)? {
        let added = roots.add(certificate);
        added.map_err(|error| ca_error(what, path, &error))?;
    }
    Ok(roots)
}

/// A CA that cannot be used.
pub(crate) fn ca_error(
    what: &'static str,
    path: &Path,
    problem: &dyn std::fmt::Display,
) -> TlsFilesError {
    TlsFilesError::Ca {
        what,
        path: path.to_owned(),
        problem: problem.to_string(),
    }
}

type Load<T> = Box<dyn Fn() -> Result<T, TlsFilesError> + Send + Sync>;

/// Something built from files, and built again when they change.
pub(crate) struct Reloading<T> {
    /// What the log calls it: the certificate's file.
    cert: PathBuf,
    load: Load<T>,
    value: ArcSwap<T>,
    watch: Mutex<FileWatch>,
}

impl<T> Reloading<T> {
    /// Reads the files. `files` begins with the certificate.
    pub(crate) fn new(
        files: &[PathBuf],
        load: impl Fn() -> Result<T, TlsFilesError> + Send + Sync + 'static,
    ) -> Result<Self, TlsFilesError> {
        let watch = FileWatch::new(files.iter().cloned());
        let value = ArcSwap::from_pointee(load()?);
        Ok(Self {
            cert: files.first().cloned().unwrap_or_default(),
            load: Box::new(load),
            value,
            watch: Mutex::new(watch),
        })
    }

    /// What was read last.
    pub(crate) fn value(&self) -> Arc<T> {
        self.value.load_full()
    }

    /// Reads the files again if one has changed. Files that do not fit change nothing: certificate and
    /// key are two files, so in between they may well not. Reads files: not for the runtime's threads.
    pub(crate) fn reload_if_changed(&self) {
        let watch = self.watch.lock();
        if !watch.unwrap_or_else(PoisonError::into_inner).has_changed() {
            return;
        }
        match (self.load)() {
            Ok(value) => {
                self.value.store(Arc::new(value));
                tracing::info!(cert = %self.cert.display(), "certificate read again");
            }
            Err(error) => tracing::error!("{error}; the certificate read before stays in use"),
        }
    }
}

impl<T> std::fmt::Debug for Reloading<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reloading")
            .field("cert", &self.cert)
            .finish_non_exhaustive()
    }
}
