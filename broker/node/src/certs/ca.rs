//! A CA in two files, and the certificates that it signs. ECDSA on P-256.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;

use super::error::CertsError;
use super::files::Folder;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// A CA is trusted by files on every node, so it must outlive them.
const CA_DAYS: u32 = 3650;
/// Long, since nobody is told before it ends; run `quorate certs` anew in time.
const LEAF_DAYS: u32 = 5 * 365;

/// What a certificate may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To be connected to.
    Server,
    /// To connect.
    Client,
    /// Nodes do both.
    Both,
}

/// A CA and its key.
#[derive(Debug)]
pub(super) struct Ca {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Ca {
    /// Opens `name.crt` and `name.key`, or makes them when both are missing.
    pub(super) fn open(folder: &Folder, name: &str, title: &str) -> Result<Self, CertsError> {
        let (certificate, key) = (format!("{name}.crt"), format!("{name}.key"));
        match (folder.read(&certificate)?, folder.read(&key)?) {
            (None, None) => Self::create(folder, name, title),
            (Some(pem), Some(key_pem)) => {
                let key_pair = KeyPair::from_pem(&key_pem).map_err(|source| CertsError::Key {
                    path: folder.file(&key),
                    source,
                })?;
                let path = folder.file(&certificate);
                // The subject is the same for every CA of this kind, so that it need not be parsed.
                let issuer = Issuer::new(ca_params(title)?, key_pair);
                let ca = Self { issuer, pem };
                ca.check().ok_or(CertsError::ForeignCa { path })?;
                Ok(ca)
            }
            (Some(_), None) => Err(half(folder, &certificate, &key)),
            (None, Some(_)) => Err(half(folder, &key, &certificate)),
        }
    }

    fn create(folder: &Folder, name: &str, title: &str) -> Result<Self, CertsError> {
        let failed = |source| certificate_error(title, source);
        let key = KeyPair::generate().map_err(failed)?;
        let params = ca_params(title)?;
        let pem = params.self_signed(&key).map_err(failed)?.pem();
        folder.write_secret(&format!("{name}.key"), &key.serialize_pem())?;
        folder.write_public(&format!("{name}.crt"), &pem)?;
        Ok(Self {
            issuer: Issuer::new(params, key),
            pem,
        })
    }

    /// The CA's certificate.
    pub(super) fn pem(&self) -> &str {
        &self.pem
    }

    /// Writes `file.key` and `file.crt` for whom is called `name`, unless they are there.
    pub(super) fn issue(
        &self,
        folder: &Folder,
        file: &str,
        name: &str,
        hosts: &[String],
        purpose: Purpose,
    ) -> Result<(), CertsError> {
        let (certificate, key) = (format!("{file}.crt"), format!("{file}.key"));
        match (folder.read(&certificate)?, folder.read(&key)?) {
            (Some(_), Some(_)) => return Ok(()),
            (None, None) => {}
            (Some(_), None) => return Err(half(folder, &certificate, &key)),
            (None, Some(_)) => return Err(half(folder, &key, &certificate)),
        }
        let failed = |source| certificate_error(name, source);
        let (leaf, leaf_key) = self.sign(name, hosts, purpose).map_err(failed)?;
        folder.write_secret(&key, &leaf_key.serialize_pem())?;
        folder.write_public(&certificate, &leaf.pem())
    }

    fn sign(
        &self,
        name: &str,
        hosts: &[String],
        purpose: Purpose,
    ) -> Result<(rcgen::Certificate, KeyPair), rcgen::Error> {
        let mut params = CertificateParams::new(hosts)?;
        set_validity(&mut params, LEAF_DAYS);
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = match purpose {
            Purpose::Server => vec![ExtendedKeyUsagePurpose::ServerAuth],
            Purpose::Client => vec![ExtendedKeyUsagePurpose::ClientAuth],
            Purpose::Both => vec![
                ExtendedKeyUsagePurpose::ServerAuth,
                ExtendedKeyUsagePurpose::ClientAuth,
            ],
        };
        params.is_ca = IsCa::ExplicitNoCa;
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        Ok((params.signed_by(&key, &self.issuer)?, key))
    }

    /// Whether what it signs is believed by those who trust its certificate.
    fn check(&self) -> Option<()> {
        let (leaf, _) = self.sign("check", &[], Purpose::Client).ok()?;
        let mut roots = RootCertStore::empty();
        let root = CertificateDer::from_pem_slice(self.pem.as_bytes()).ok()?;
        roots.add(root).ok()?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .ok()?;
        let verified = verifier.verify_client_cert(leaf.der(), &[], UnixTime::now());
        verified.ok().map(drop)
    }
}

fn ca_params(title: &str) -> Result<CertificateParams, CertsError> {
    let mut params =
        CertificateParams::new([]).map_err(|source| certificate_error(title, source))?;
    set_validity(&mut params, CA_DAYS);
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, title);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

/// From a day ago, since clocks of machines differ.
fn set_validity(params: &mut CertificateParams, days: u32) {
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let now = rcgen::date_time_ymd(1970, 1, 1) + since_epoch;
    params.not_before = now - DAY;
    params.not_after = now + DAY * days;
}

fn half(folder: &Folder, present: &str, missing: &str) -> CertsError {
    CertsError::Half {
        present: folder.file(present),
        missing: folder.file(missing),
    }
}

fn certificate_error(name: &str, source: rcgen::Error) -> CertsError {
    CertsError::Certificate {
        name: name.to_owned(),
        source,
    }
}
