//! What a certificate says, as far as the planner asks. Bytes of a Secret can be anything: nothing here panics.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::time::ASN1Time;

/// What a certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facts {
    /// First moment.
    pub(super) begins: SystemTime,
    /// Last moment.
    pub(super) ends: SystemTime,
    /// Subject alternative names: DNS names and addresses, lower case.
    pub(super) names: BTreeSet<String>,
    /// Whether it may sign others.
    pub(super) is_ca: bool,
}

impl Facts {
    /// When two thirds of the life are over.
    pub(super) fn renew_at(&self) -> SystemTime {
        let life = self.ends.duration_since(self.begins).unwrap_or_default();
        self.ends - life / 3
    }
}

/// The certificates of a PEM file; empty if it holds none, or something else.
pub(super) fn certificates(pem: &[u8]) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .unwrap_or_default()
}

/// What a certificate says; `None` if it is not understood.
pub(super) fn facts(der: &[u8]) -> Option<Facts> {
    let (rest, certificate) = X509Certificate::from_der(der).ok()?;
    let validity = certificate.validity();
    let names = certificate.subject_alternative_name().ok()?;
    let names = names.iter().flat_map(|names| &names.value.general_names);
    rest.is_empty().then_some(Facts {
        begins: time(validity.not_before),
        ends: time(validity.not_after),
        names: names.filter_map(name).collect(),
        is_ca: certificate.is_ca(),
    })
}

/// Whether one certificate was signed by another.
pub(super) fn is_signed_by(der: &[u8], by: &[u8]) -> bool {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else {
        return false;
    };
    let Ok((_, issuer)) = X509Certificate::from_der(by) else {
        return false;
    };
    certificate.issuer().as_raw() == issuer.subject().as_raw()
        && certificate
            .verify_signature(Some(issuer.public_key()))
            .is_ok()
}

/// As people write a day.
pub(super) fn day(time: SystemTime) -> String {
    let stamp = jiff::Timestamp::try_from(time).unwrap_or(jiff::Timestamp::MAX);
    stamp.strftime("%Y-%m-%d").to_string()
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    if let GeneralName::DNSName(name) = name {
        return Some(name.to_ascii_lowercase());
    }
    let GeneralName::IPAddress(bytes) = name else {
        return None;
    };
    let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
    let address = v4.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from));
    address.ok().map(|address| address.to_string())
}

fn time(time: ASN1Time) -> SystemTime {
    let seconds = u64::try_from(time.timestamp()).unwrap_or(0);
    UNIX_EPOCH + Duration::from_secs(seconds)
}
