//! TLS of strangers: configurations from files, replaced when the files change, and the handshake.
//!
//! A connection keeps the configuration it began with, so replacing one drops nobody.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::limits::TLS_BUFFER_BYTES_MAX;
use crate::config::TlsFiles;
use crate::file_watch::FileWatch;

/// Why TLS files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsFilesError {
    /// A file cannot be read, or holds no PEM of the right kind.
    #[error("{what} {path}: {source}", path = path.display())]
    Pem {
        /// Which file it is.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: rustls::pki_types::pem::Error,
    },
    /// A file holds no certificate.
    #[error("{what} {path} holds no certificate in PEM", path = path.display())]
    Empty {
        /// Which file it is.
        what: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// The files do not fit together, or rustls refuses them.
    #[error("certificate {cert} with key {key}: {source}", cert = cert.display(), key = key.display())]
    Refused {
        /// The certificate chain.
        cert: PathBuf,
        /// The private key.
        key: PathBuf,
        /// Why.
        source: rustls::Error,
    },
    /// The client CA file holds something that can be no trust anchor.
    #[error("client CA {path}: {problem}", path = path.display())]
    ClientCa {
        /// The file.
        path: PathBuf,
        /// Why.
        problem: String,
    },
}

/// The current TLS configuration of one listener.
#[derive(Debug)]
pub(super) struct TlsFace {
    files: TlsFiles,
    provider: Arc<CryptoProvider>,
    config: ArcSwap<ServerConfig>,
    watch: Mutex<FileWatch>,
}

impl TlsFace {
    /// Reads the files.
    pub(super) fn new(
        files: TlsFiles,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, TlsFilesError> {
        let paths = [&files.cert, &files.key]
            .into_iter()
            .chain(&files.client_ca)
            .cloned();
        let watch = Mutex::new(FileWatch::new(paths));
        let config = ArcSwap::from_pointee(load(&files, &provider)?);
        Ok(Self {
            files,
            provider,
            config,
            watch,
        })
    }

    /// Reads the files again if one has changed. Files that do not fit change nothing: certificate and
    /// key are two files, so in between they may well not. Reads files: not for the runtime's threads.
    pub(super) fn reload_if_changed(&self) {
        if !self
            .watch
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .has_changed()
        {
            return;
        }
        match load(&self.files, &self.provider) {
            Ok(config) => {
                self.config.store(Arc::new(config));
                tracing::info!(cert = %self.files.cert.display(), "certificate read again");
            }
            Err(error) => tracing::error!("{error}; the certificate read before stays in use"),
        }
    }

    /// The handshake. The caller sets the time it may take.
    pub(super) async fn accept(&self, stream: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        let acceptor = TlsAcceptor::from(self.config.load_full());
        acceptor
            .accept_with(stream, |session| {
                session.set_buffer_limit(Some(TLS_BUFFER_BYTES_MAX))
            })
            .await
    }
}

/// Takes a TLS stream apart for a worker: socket and state, with what is decrypted already appended to
/// `leftover`. Undecrypted bytes stay in the state; the worker's next read goes on behind them.
pub(super) fn take_apart(
    stream: TlsStream<TcpStream>,
    leftover: &mut Vec<u8>,
) -> std::io::Result<(TcpStream, Box<ServerConnection>)> {
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
    let chain = certificates("certificate", &files.cert)?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|source| TlsFilesError::Pem {
        what: "private key",
        path: files.key.clone(),
        source,
    })?;
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
            let roots = Arc::new(client_roots(path)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(provider))
                .build()
                .map_err(|error| client_ca_error(path, &error))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder.with_single_cert(chain, key).map_err(refused)?;
    // One ticket is what a reconnect needs; each more is half a kilobyte to every client.
    config.send_tls13_tickets = 1;
    Ok(config)
}

fn certificates(
    what: &'static str,
    path: &Path,
) -> Result<Vec<CertificateDer<'static>>, TlsFilesError> {
    let certificates: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|source| TlsFilesError::Pem {
            what,
            path: path.to_owned(),
            source,
        })?;
    if certificates.is_empty() {
        return Err(TlsFilesError::Empty {
            what,
            path: path.to_owned(),
        });
    }
    Ok(certificates)
}

fn client_roots(path: &Path) -> Result<RootCertStore, TlsFilesError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates("client CA", path)? {
        roots
            .add(certificate)
            .map_err(|error| client_ca_error(path, &error))?;
    }
    Ok(roots)
}

fn client_ca_error(path: &Path, problem: &dyn std::fmt::Display) -> TlsFilesError {
    TlsFilesError::ClientCa {
        path: path.to_owned(),
        problem: problem.to_string(),
    }
}
