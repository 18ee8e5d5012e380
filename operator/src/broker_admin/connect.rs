//! A connection to a node's admin port: to the pod's address, under the node's name, with both certificates.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use hyper_util::rt::TokioIo;
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::transport::{Channel, Endpoint, Uri};

use super::Identity;
use super::error::{AdminError, IdentityError};
use super::limits::CONNECT_WAIT;

/// The service speaks HTTP/2 only.
const ALPN: &[u8] = b"h2";

/// Our side of the handshake.
pub(super) fn config(identity: &Identity) -> Result<ClientConfig, IdentityError> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&identity.cert)
        .collect::<Result<_, _>>()
        .map_err(|_| IdentityError::Incomplete("no certificate"))?;
    let key = PrivateKeyDer::from_pem_slice(&identity.key)
        .map_err(|_| IdentityError::Incomplete("no private key"))?;
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(&identity.bundle) {
        roots.add(root.map_err(|_| IdentityError::Incomplete("no CA"))?)?;
    }
    if roots.is_empty() {
        return Err(IdentityError::Incomplete("no CA"));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)?;
    config.resumption = Resumption::disabled();
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(config)
}

/// Connects to a node.
pub(super) async fn connect(
    tls: &Arc<ClientConfig>,
    host: &str,
    at: SocketAddr,
) -> Result<Channel, AdminError> {
    let unreachable = |error: &dyn Error| AdminError::Unreachable(with_causes(error));
    let opened = timeout(CONNECT_WAIT, open(tls, host, at)).await;
    let opened = opened.map_err(|_| AdminError::Unreachable(format!("{at} does not answer")))?;
    let socket = opened.map_err(|error| unreachable(&error))?;
    let endpoint = Endpoint::from_shared(format!("http://{host}:{}", at.port()));
    let endpoint = endpoint.map_err(|error| unreachable(&error))?;
    // The socket is there already; a second one would be another handshake that nobody has asked for.
    let mut once = Some(TokioIo::new(socket));
    let connector = tower::service_fn(move |_: Uri| {
        let socket = once.take();
        async move { socket.ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected)) }
    });
    let connecting = timeout(CONNECT_WAIT, endpoint.connect_with_connector(connector)).await;
    let connecting = connecting.map_err(|_| AdminError::Unreachable("no HTTP/2".to_owned()))?;
    connecting.map_err(|error| unreachable(&error))
}

async fn open(
    tls: &Arc<ClientConfig>,
    host: &str,
    at: SocketAddr,
) -> io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let stream = TcpStream::connect(at).await?;
    stream.set_nodelay(true)?;
    TlsConnector::from(Arc::clone(tls))
        .connect(name, stream)
        .await
}

/// tonic's errors hide what they mean in their sources.
fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}
