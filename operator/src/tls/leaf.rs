//! A certificate that a CA signs, and when it has to be made anew.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::ca::{BUNDLE, CERT, CLOCKS_DIFFER_MAX, Ca, KEY, common_name, set_validity};
use super::certificate::{Facts, certificates, day, facts, is_signed_by};
use super::{Data, TlsError, Wanted, Which};

/// Long enough that an operator that is away for a month harms nobody.
const LEAF_LIFE: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// A place for a certificate: which CA signs it, where it lies, whom it names.
#[derive(Debug)]
pub(super) struct Leaf {
    pub(super) ca: Which,
    pub(super) secret: Which,
    pub(super) cert: &'static str,
    pub(super) key: &'static str,
    pub(super) bundle: &'static str,
    /// What people call it.
    what: &'static str,
    usage: Usage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Usage {
    Server,
    Client,
    Both,
}

/// All of them. What nodes have twice (peers and admin) lies in one Secret under names of its own.
pub(super) const LEAVES: [Leaf; 4] = [
    Leaf {
        ca: Which::PeerCa,
        secret: Which::Nodes,
        cert: "peers.crt",
        key: "peers.key",
        bundle: "peers-ca.crt",
        what: "the nodes among themselves",
        usage: Usage::Both,
    },
    Leaf {
        ca: Which::AdminCa,
        secret: Which::Nodes,
        cert: "admin.crt",
        key: "admin.key",
        bundle: "admin-ca.crt",
        what: "the nodes' admin service",
        usage: Usage::Server,
    },
    Leaf {
        ca: Which::AdminCa,
        secret: Which::Operator,
        cert: CERT,
        key: KEY,
        bundle: BUNDLE,
        what: "the operator",
        usage: Usage::Client,
    },
    Leaf {
        ca: Which::ClientCa,
        secret: Which::Clients,
        cert: CERT,
        key: KEY,
        bundle: BUNDLE,
        what: "the client listeners",
        usage: Usage::Server,
    },
];

impl Leaf {
    /// The files as they should be: the old ones if they are good, else new ones and why.
    pub(super) fn renew(
        &self,
        wanted: &Wanted,
        ca: &Ca,
        old: Option<&Data>,
        now: SystemTime,
    ) -> Result<(Data, Facts, Option<String>), TlsError> {
        let names = self.names(wanted);
        let why = match self.read(old) {
            Some((mut data, facts)) => match self.fault(&data, &facts, &names, ca, now) {
                None => {
                    let bundle = ca.bundle().to_vec();
                    let before = data.insert(self.bundle.to_owned(), bundle.clone());
                    let is_new = before.is_none_or(|before| before != bundle);
                    let why =
                        is_new.then(|| format!("The CAs that {} trust have changed.", self.what));
                    return Ok((data, facts, why));
                }
                Some(fault) => format!("The certificate of {} was made anew: {fault}.", self.what),
            },
            None => format!("The certificate of {} was made.", self.what),
        };
        let (data, facts) = self.issue(wanted, &names, ca, now)?;
        Ok((data, facts, Some(why)))
    }

    /// The files, if certificate and key are there, are understood and fit together.
    pub(super) fn read(&self, data: Option<&Data>) -> Option<(Data, Facts)> {
        let data = data?;
        let (cert, key) = (data.get(self.cert)?, data.get(self.key)?);
        let chain = certificates(cert);
        let facts = facts(chain.first()?)?;
        fits(chain, key)?;
        let files = [self.cert, self.key, self.bundle].into_iter();
        let files = files.filter_map(|name| Some((name.to_owned(), data.get(name)?.clone())));
        Some((files.collect(), facts))
    }

    fn names(&self, wanted: &Wanted) -> Vec<String> {
        match (self.usage, self.secret) {
            (Usage::Client, _) => Vec::new(),
            (_, Which::Clients) => wanted.clients.clone().unwrap_or_default(),
            (Usage::Server | Usage::Both, _) => wanted.nodes.clone(),
        }
    }

    /// Why a certificate cannot stay.
    fn fault(
        &self,
        data: &Data,
        facts: &Facts,
        names: &[String],
        ca: &Ca,
        now: SystemTime,
    ) -> Option<String> {
        if now >= facts.renew_at() {
            return Some(format!("it would have ended on {}", day(facts.ends)));
        }
        if now + CLOCKS_DIFFER_MAX < facts.begins {
            return Some(format!("it begins on {} only", day(facts.begins)));
        }
        let wanted: BTreeSet<String> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
        let missing: Vec<&String> = wanted.difference(&facts.names).collect();
        if let Some(first) = missing.first() {
            let more = missing.len() - 1;
            return Some(match more {
                0 => format!("it did not name {first}"),
                more => format!("it did not name {first} and {more} more"),
            });
        }
        let chain = data.get(self.cert).map(|cert| certificates(cert));
        let leaf = chain.as_ref().and_then(|chain| chain.first());
        // Any CA of the bundle will do: a new one is trusted for a while before it signs.
        let is_trusted = |leaf: &CertificateDer<'_>| {
            let trusted = certificates(ca.bundle());
            trusted.iter().any(|by| is_signed_by(leaf, by))
        };
        let trusted = leaf.is_some_and(is_trusted);
        (!trusted).then(|| "it was signed by another CA".to_owned())
    }

    fn issue(
        &self,
        wanted: &Wanted,
        names: &[String],
        ca: &Ca,
        now: SystemTime,
    ) -> Result<(Data, Facts), TlsError> {
        let failed = |source| TlsError::Make {
            what: self.what.to_owned(),
            source,
        };
        let mut params = CertificateParams::new(names).map_err(failed)?;
        let ends = (now + LEAF_LIFE).min(ca.facts.ends);
        set_validity(&mut params, now - CLOCKS_DIFFER_MAX, ends);
        params.distinguished_name = common_name(&format!("{}: {}", wanted.cluster, self.what));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = match self.usage {
            Usage::Server => vec![ExtendedKeyUsagePurpose::ServerAuth],
            Usage::Client => vec![ExtendedKeyUsagePurpose::ClientAuth],
            Usage::Both => vec![
                ExtendedKeyUsagePurpose::ServerAuth,
                ExtendedKeyUsagePurpose::ClientAuth,
            ],
        };
        params.is_ca = IsCa::ExplicitNoCa;
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().map_err(failed)?;
        let made = params.signed_by(&key, &ca.issuer).map_err(failed)?;
        let facts =
            facts(made.der()).ok_or_else(|| failed(rcgen::Error::CouldNotParseCertificate))?;
        let data = Data::from([
            (self.cert.to_owned(), made.pem().into_bytes()),
            (self.key.to_owned(), key.serialize_pem().into_bytes()),
            (self.bundle.to_owned(), ca.bundle().to_vec()),
        ]);
        Ok((data, facts))
    }
}

/// Whether a key is that of a certificate.
pub(super) fn fits(chain: Vec<CertificateDer<'static>>, key: &[u8]) -> Option<()> {
    let key = PrivateKeyDer::from_pem_slice(key).ok()?;
    let provider = rustls::crypto::ring::default_provider();
    CertifiedKey::from_der(chain, key, &provider).ok().map(drop)
}
