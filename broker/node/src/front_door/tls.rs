//! TLS of strangers: configurations from files, replaced when the files change, and the handshake.
//!
//! A connection keeps the configuration it began with, so replacing one drops nobody.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::server::WebPkiClientVerifier;
use rustls::{ServerConfig, ServerConnection};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::limits::TLS_BUFFER_BYTES_MAX;
use crate::config::TlsFiles;
use crate::tls_files::{self, Reloading, TlsFilesError};

/// What errors call the CA of clients.
const CLIENT_CA: &str = "client CA";

/// The current TLS configuration of one listener.
#[derive(Debug)]
pub(super) struct TlsFace(Reloading<Arc<ServerConfig>>);

impl TlsFace {
    /// Reads the files.
    pub(super) fn new(
        files: TlsFiles,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, TlsFilesError> {
        let paths: Vec<_> = [&files.cert, &files.key]
            .into_iter()
            .chain(&files.client_ca)
            .cloned()
            .collect();
        let load = move || load(&files, &provider).map(Arc::new);
        Reloading::new(&paths, load).map(Self)
    }

    /// See [`Reloading::reload_if_changed`].
    pub(super) fn reload_if_changed(&self) {
        self.0.reload_if_changed();
    }

    /// The handshake. The caller sets the time it may take.
    pub(super) async fn accept<S>(&self, stream: S) -> std::io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let acceptor = TlsAcceptor::from(Arc::clone(&*self.0.value()));
        acceptor
            .accept_with(stream, |session| {
                session.set_buffer_limit(Some(TLS_BUFFER_BYTES_MAX))
            })
            .await
    }
}

/// Takes a TLS stream apart for a worker: socket and state, with what is decrypted already appended to
/// `leftover`. Undecrypted bytes stay in the state; the worker's next read goes on behind them.
pub(super) fn take_apart<S>(
    stream: TlsStream<S>,
    leftover: &mut Vec<u8>,
) -> std::io::Result<(S, Box<ServerConnection>)> {
    use std::io::Read;

    let (stream, session) = stream.into_inner();
    let mut session = Box::new(session);
    let decrypted = session
        .process_new_packets()
        .map_err(std::io::Error::other)?
        .plaintext_bytes_to_read();
    let start = leftover.len();
    leftover.resize(start + decrypted, 0);
    session.reader().read_exact(&mut leftover[start..])?;
    Ok((stream, session))
}

/// Builds a complete configuration, or none.
fn load(files: &TlsFiles, provider: &Arc<CryptoProvider>) -> Result<ServerConfig, TlsFilesError> {
    let chain = tls_files::certificates("certificate", &files.cert)?;
    let key = tls_files::private_key(&files.key)?;
    let refused = |source| TlsFilesError::Refused {
        cert: files.cert.clone(),
        key: files.key.clone(),
        source,
    };
    let builder = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(refused)?;
    let builder = match &files.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let roots = Arc::new(tls_files::roots(CLIENT_CA, path)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(provider))
                .build()
                .map_err(|error| tls_files::ca_error(CLIENT_CA, path, &error))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder.with_single_cert(chain, key).map_err(refused)?;
    // One ticket is what a reconnect needs; each more is half a kilobyte to every client.
    config.send_tls13_tickets = 1;
    Ok(config)
}
