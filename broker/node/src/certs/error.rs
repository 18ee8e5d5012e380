//! Why certificates could not be made.

use std::path::PathBuf;

/// See the module.
#[derive(Debug, thiserror::Error)]
pub enum CertsError {
    /// The operating system refuses.
    #[error("cannot {doing} {path}: {source}", path = path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On which path.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A certificate without its key, or a key without its certificate.
    #[error("{present} is there without {missing}; put that beside it, or move it away to have both made anew (a new CA is one that no node trusts yet)", present = present.display(), missing = missing.display())]
    Half {
        /// What is there.
        present: PathBuf,
        /// What is not.
        missing: PathBuf,
    },
    /// A CA made by others, or a key that is not its own.
    #[error("{path} cannot be used: it was not made by quorate certs, has expired, or the key beside it belongs to another one", path = path.display())]
    ForeignCa {
        /// The certificate.
        path: PathBuf,
    },
    /// A file holds no key that we can use.
    #[error("{path} holds no private key in PEM that can be used: {source}", path = path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rcgen::Error,
    },
    /// A certificate cannot be made.
    #[error("no certificate can be made for {name}: {source}")]
    Certificate {
        /// Whom it is for.
        name: String,
        /// Why.
        source: rcgen::Error,
    },
}
