//! Bundles of trust: several CA certificates in one PEM file, each once.

use std::collections::BTreeSet;

use rustls::pki_types::CertificateDer;

use super::certificate::certificates;

/// All certificates of several PEM files in their order, each once, as one PEM file.
pub(super) fn merge(files: &[&[u8]]) -> Vec<u8> {
    let mut seen: BTreeSet<Vec<u8>> = BTreeSet::new();
    let mut text = String::new();
    for certificate in files.iter().flat_map(|file| certificates(file)) {
        if seen.insert(certificate.to_vec()) {
            text.push_str(&pem(&certificate));
        }
    }
    text.into_bytes()
}

fn pem(certificate: &CertificateDer<'_>) -> String {
    use base64::Engine as _;
    let body = base64::engine::general_purpose::STANDARD.encode(certificate);
    let mut text = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in body.as_bytes().chunks(64) {
        text.push_str(&String::from_utf8_lossy(line));
        text.push('\n');
    }
    text.push_str("-----END CERTIFICATE-----\n");
    text
}
