//! A CA as a Secret holds it: `tls.crt`, `tls.key`, and `ca.crt`, the bundle that others are to trust. ECDSA on
//! P-256 when it is made here; whatever ring signs with when a person has put it there.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::pki_types::CertificateDer;

use super::certificate::{self, Facts, certificates, facts};
use super::{Data, TlsError, Which, bundle};

/// Everybody trusts it, so that it must outlive what it signs by far.
const CA_LIFE: Duration = Duration::from_secs(3_650 * 24 * 60 * 60);
/// Clocks of machines differ by less than this.
pub(super) const CLOCKS_DIFFER_MAX: Duration = Duration::from_secs(60 * 60);

pub(super) const CERT: &str = "tls.crt";
pub(super) const KEY: &str = "tls.key";
pub(super) const BUNDLE: &str = "ca.crt";

/// A CA that can sign.
#[derive(Debug)]
pub(super) struct Ca {
    pub(super) issuer: Issuer<'static, KeyPair>,
    pub(super) facts: Facts,
    cert: Vec<u8>,
    key: Vec<u8>,
    bundle: Vec<u8>,
}

/// What a Secret holds.
#[derive(Debug)]
pub(super) enum CaState {
    /// There is no Secret, or nothing of a CA in it.
    Absent,
    /// It can sign.
    Present(Box<Ca>),
    /// It cannot; why.
    Broken(String),
}

/// What a CA is for, for people.
pub(super) fn purpose(which: Which) -> &'static str {
    match which {
        Which::PeerCa | Which::Nodes => "nodes among themselves",
        Which::AdminCa | Which::Operator => "the admin service",
        Which::ClientCa | Which::Clients => "client listeners",
    }
}

/// Reads a Secret.
pub(super) fn read(data: Option<&Data>, now: SystemTime) -> CaState {
    let file = |name: &str| {
        data.and_then(|data| data.get(name))
            .filter(|file| !file.is_empty())
    };
    match (file(CERT), file(KEY)) {
        (None, None) => CaState::Absent,
        (Some(_), None) => CaState::Broken(format!("{KEY} is missing")),
        (None, Some(_)) => CaState::Broken(format!("{CERT} is missing")),
        (Some(cert), Some(key)) => {
            let more = file(BUNDLE).map_or(&[][..], Vec::as_slice);
            match open(cert, key, more, now) {
                Ok(ca) => CaState::Present(Box::new(ca)),
                Err(why) => CaState::Broken(why),
            }
        }
    }
}

fn open(cert: &[u8], key: &[u8], more: &[u8], now: SystemTime) -> Result<Ca, String> {
    let first = certificates(cert).into_iter().next();
    let der = first.ok_or_else(|| format!("{CERT} holds no certificate in PEM"))?;
    let facts = facts(&der).ok_or_else(|| format!("{CERT} is not understood"))?;
    if !facts.is_ca {
        return Err(format!("{CERT} is not the certificate of a CA"));
    }
    if now >= facts.ends {
        return Err(format!("it ended on {}", certificate::day(facts.ends)));
    }
    let pem = std::str::from_utf8(key).map_err(|_| format!("{KEY} is no PEM"))?;
    let pair = KeyPair::from_pem(pem)
        .map_err(|_| format!("{KEY} is no private key that is understood"))?;
    let issuer =
        Issuer::from_ca_cert_der(&der, pair).map_err(|error| format!("{CERT}: {error}"))?;
    check(&issuer, &der)?;
    Ok(Ca {
        issuer,
        facts,
        bundle: bundle::merge(&[cert, more]),
        cert: cert.to_vec(),
        key: key.to_vec(),
    })
}

/// Whether the key is that of the certificate: what it signs is tried.
fn check(issuer: &Issuer<'static, KeyPair>, der: &CertificateDer<'_>) -> Result<(), String> {
    let tried = CertificateParams::new([]).and_then(|params| {
        let key = KeyPair::generate()?;
        params.signed_by(&key, issuer)
    });
    let leaf = tried.map_err(|error| format!("it does not sign: {error}"))?;
    let fits = certificate::is_signed_by(leaf.der(), der);
    fits.then_some(())
        .ok_or_else(|| format!("{KEY} is not the key of {CERT}"))
}

impl Ca {
    /// Makes a new one.
    pub(super) fn create(which: Which, cluster: &str, now: SystemTime) -> Result<Self, TlsError> {
        let title = format!("{cluster}: Quorate CA for {}", purpose(which));
        let failed = |source| TlsError::Make {
            what: format!("the CA for {}", purpose(which)),
            source,
        };
        let mut params = CertificateParams::new([]).map_err(failed)?;
        set_validity(&mut params, now - CLOCKS_DIFFER_MAX, now + CA_LIFE);
        params.distinguished_name = common_name(&title);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().map_err(failed)?;
        let made = params.self_signed(&key).map_err(failed)?;
        let cert = made.pem().into_bytes();
        let facts =
            facts(made.der()).ok_or_else(|| failed(rcgen::Error::CouldNotParseCertificate))?;
        Ok(Self {
            facts,
            bundle: bundle::merge(&[&cert]),
            cert,
            key: key.serialize_pem().into_bytes(),
            issuer: Issuer::new(params, key),
        })
    }

    /// As its Secret holds it.
    pub(super) fn data(&self) -> Data {
        Data::from([
            (CERT.to_owned(), self.cert.clone()),
            (KEY.to_owned(), self.key.clone()),
            (BUNDLE.to_owned(), self.bundle.clone()),
        ])
    }

    /// What others are to trust.
    pub(super) fn bundle(&self) -> &[u8] {
        &self.bundle
    }
}

/// A name for people; X.509 allows 64 letters.
pub(super) fn common_name(text: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    let text: String = text.chars().take(64).collect();
    name.push(DnType::CommonName, text);
    name
}

/// Sets begin and end, in whole seconds.
pub(super) fn set_validity(params: &mut CertificateParams, begins: SystemTime, ends: SystemTime) {
    let stamp = |time: SystemTime| {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(since.as_secs())
    };
    params.not_before = stamp(begins);
    params.not_after = stamp(ends);
}
