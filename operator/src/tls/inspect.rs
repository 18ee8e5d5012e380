//! A certificate that a person has put into a Secret: whether a listener can use it, as sentences.

use std::time::SystemTime;

use super::Data;
use super::ca::{CERT, KEY};
use super::certificate::{certificates, day, facts};
use super::leaf::fits;

/// A certificate that can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inspected {
    /// When it ends.
    pub ends: SystemTime,
}

/// Why it cannot be used; the end of a sentence that begins with the Secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InspectError {
    /// A key of the Secret is missing or empty.
    #[error("has no {0}; a certificate in PEM belongs into tls.crt, its private key into tls.key")]
    Missing(&'static str),
    /// No certificate.
    #[error("holds no certificate in PEM in tls.crt")]
    NoCertificate,
    /// Key and certificate.
    #[error("has a tls.key that is no private key in PEM, or not that of tls.crt")]
    Key,
    /// Its time is over.
    #[error("holds a certificate that ended on {0}")]
    Ended(String),
    /// Its time has not come.
    #[error("holds a certificate that begins on {0} only")]
    NotYet(String),
}

/// Inspects a Secret of the usual shape.
///
/// # Errors
/// A listener could not use it.
pub fn inspect(data: &Data, now: SystemTime) -> Result<Inspected, InspectError> {
    let file = |name: &'static str| {
        let file = data.get(name).filter(|file| !file.is_empty());
        file.ok_or(InspectError::Missing(name))
    };
    let (cert, key) = (file(CERT)?, file(KEY)?);
    let chain = certificates(cert);
    let first = chain.first().ok_or(InspectError::NoCertificate)?;
    let facts = facts(first).ok_or(InspectError::NoCertificate)?;
    fits(chain, key).ok_or(InspectError::Key)?;
    if now >= facts.ends {
        return Err(InspectError::Ended(day(facts.ends)));
    }
    if now < facts.begins {
        return Err(InspectError::NotYet(day(facts.begins)));
    }
    Ok(Inspected { ends: facts.ends })
}
