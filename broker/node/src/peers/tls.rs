//! TLS between nodes: both sides show a certificate of the peers' CA. Built from files, replaced when they
//! change; a connection keeps what it began with.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::ServerName;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::version::TLS13;
use rustls::{ClientConfig, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::socket::Socket;
use crate::tls_files::{self, Reloading, TlsFilesError};

/// What errors call the CA of peers.
const PEER_CA: &str = "peer CA";
/// Both sides speak HTTP/2 only.
const ALPN: &[u8] = b"h2";

/// Certificate, key and CA of the peers, as files in PEM. Read again when they change.
#[derive(Debug, Clone)]
pub struct PeerTlsFiles {
    /// This node's certificate chain; it serves both directions.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The CA that signs every peer's certificate.
    pub ca: PathBuf,
}

/// The peers' TLS: made once per node, shared by the listener, those who dial, and `join`.
#[derive(Debug)]
pub struct PeerTls(Reloading<Configs>);

struct Configs {
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
}

impl PeerTls {
    /// Reads the files.
    ///
    /// # Errors
    ///
    /// One cannot be read, or they do not fit together.
    pub fn load(files: PeerTlsFiles) -> Result<Arc<Self>, TlsFilesError> {
        let paths = [files.cert.clone(), files.key.clone(), files.ca.clone()];
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let reloading = Reloading::new(&paths, move || load(&files, &provider))?;
        Ok(Arc::new(Self(reloading)))
    }

    /// See [`Reloading::reload_if_changed`].
    pub(super) fn reload_if_changed(&self) {
        self.0.reload_if_changed();
    }

    /// The handshake with one who came. The caller sets the time it may take.
    pub(super) async fn accept(&self, stream: TcpStream) -> io::Result<Socket> {
        let acceptor = TlsAcceptor::from(Arc::clone(&self.0.value().server));
        let stream = acceptor.accept(stream).await?;
        Ok(Socket::Tls(Box::new(stream.into())))
    }

    /// The handshake with one who was dialled under this name.
    pub(super) async fn connect(
        &self,
        name: ServerName<'static>,
        stream: TcpStream,
    ) -> io::Result<Socket> {
        let connector = TlsConnector::from(Arc::clone(&self.0.value().client));
        let stream = connector.connect(name, stream).await?;
        Ok(Socket::Tls(Box::new(stream.into())))
    }
}

fn load(files: &PeerTlsFiles, provider: &Arc<CryptoProvider>) -> Result<Configs, TlsFilesError> {
    let chain = tls_files::certificates("peer certificate", &files.cert)?;
    let key = tls_files::private_key(&files.key)?;
    let roots = Arc::new(tls_files::roots(PEER_CA, &files.ca)?);
    let refused = |source| TlsFilesError::Refused {
        cert: files.cert.clone(),
        key: files.key.clone(),
        source,
    };
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(provider))
            .build()
            .map_err(|error| tls_files::ca_error(PEER_CA, &files.ca, &error))?;
    let mut server = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(&[&TLS13])
        .map_err(refused)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain.clone(), key.clone_key())
        .map_err(refused)?;
    // A resumed session would be one that nobody has verified by the CA of today.
    server.send_tls13_tickets = 0;
    server.session_storage = Arc::new(NoServerSessionStorage {});
    server.alpn_protocols = vec![ALPN.to_vec()];
    let mut client = ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(&[&TLS13])
        .map_err(refused)?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .map_err(refused)?;
    client.resumption = Resumption::disabled();
    client.alpn_protocols = vec![ALPN.to_vec()];
    Ok(Configs {
        server: Arc::new(server),
        client: Arc::new(client),
    })
}
