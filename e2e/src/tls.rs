//! Certificate authorities and certificates made for one test, and clients that trust them.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::endpoint::Endpoint;

/// A connection through TLS.
pub type TlsStream = StreamOwned<ClientConnection, TcpStream>;

/// A certificate authority.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    pem: PathBuf,
}

/// Where a server's files lie, and its certificate as it goes over the wire.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Certificate chain, PEM.
    pub certificate: PathBuf,
    /// Private key, PEM.
    pub key: PathBuf,
    /// The certificate in DER.
    pub der: Vec<u8>,
}

impl Authority {
    /// A new authority; its certificate goes to a file in the directory.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn new(directory: &Path, name: &str) -> Result<Self> {
        let mut parameters = CertificateParams::new(Vec::new())?;
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters
            .distinguished_name
            .push(rcgen::DnType::CommonName, name);
        let issuer = CertifiedIssuer::self_signed(parameters, KeyPair::generate()?)?;
        let pem = directory.join(format!("{name}.pem"));
        fs::write(&pem, issuer.pem())?;
        Ok(Self { issuer, pem })
    }

    /// The file with its certificate.
    pub fn file(&self) -> &Path {
        &self.pem
    }

    /// Signs a fresh key for localhost and 127.0.0.1; writes both files, each in one step.
    ///
    /// # Errors
    /// When the files cannot be written.
    pub fn issue(&self, directory: &Path) -> Result<Identity> {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let key = KeyPair::generate()?;
        let signed = CertificateParams::new(names)?.signed_by(&key, &self.issuer)?;
        let identity = Identity {
            certificate: directory.join("server.pem"),
            key: directory.join("server.key"),
            der: signed.der().to_vec(),
        };
        replace(&identity.key, &key.serialize_pem())?;
        replace(&identity.certificate, &signed.pem())?;
        Ok(identity)
    }
}

/// As tools that renew certificates do it: a new file renamed over the old one.
fn replace(path: &Path, text: &str) -> Result<()> {
    let new = path.with_extension("new");
    fs::write(&new, text)?;
    Ok(fs::rename(new, path)?)
}

/// Files that a client shows itself with.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// Certificate chain, PEM.
    pub certificate: PathBuf,
    /// Private key, PEM.
    pub key: PathBuf,
}

/// Says something through TLS and gives the first bytes of the answer.
///
/// # Errors
/// When either side does not trust the other, or the other side closes without an answer.
pub fn talk(
    to: Endpoint,
    authority: &Path,
    credentials: Option<&Credentials>,
    bytes: &[u8],
) -> Result<Vec<u8>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority)?)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    let mut config = match credentials {
        None => builder.with_no_client_auth(),
        Some(own) => builder.with_client_auth_cert(
            CertificateDer::pem_file_iter(&own.certificate)?.collect::<Result<_, _>>()?,
            PrivateKeyDer::from_pem_file(&own.key)?,
        )?,
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    let tcp = to.dial(crate::wait::PATIENCE)?;
    tcp.set_read_timeout(Some(crate::wait::PATIENCE))?;
    let name = ServerName::from(to.0.ip());
    let connection = ClientConnection::new(Arc::new(config), name)?;
    let mut stream = StreamOwned::new(connection, tcp);
    // With TLS 1.3 a refusal of our certificate comes only after our first bytes.
    stream.write_all(bytes)?;
    stream.flush()?;
    let mut answer = vec![0; 1024];
    let length = stream.read(&mut answer)?;
    ensure!(length > 0, "closed without an answer");
    answer.truncate(length);
    Ok(answer)
}

/// Connects and completes the handshake, trusting only the authority in the file.
///
/// # Errors
/// When there is no connection or the server is not trusted.
pub fn connect(port: u16, authority: &Path) -> Result<TlsStream> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority)?)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost")?;
    let mut tcp = TcpStream::connect(("127.0.0.1", port))?;
    tcp.set_nodelay(true)?;
    tcp.set_read_timeout(Some(crate::wait::PATIENCE))?;
    let mut connection = ClientConnection::new(Arc::new(config), name)?;
    while connection.is_handshaking() {
        connection.complete_io(&mut tcp).context("TLS handshake")?;
    }
    Ok(StreamOwned::new(connection, tcp))
}

/// The certificate that the server showed, in DER.
pub fn shown(stream: &TlsStream) -> Vec<u8> {
    let chain = stream.conn.peer_certificates();
    chain
        .and_then(<[_]>::first)
        .map(|leaf| leaf.to_vec())
        .unwrap_or_default()
}
