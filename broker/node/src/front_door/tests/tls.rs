//! TLS ports: who gets through, what is handed over, and certificates that change.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use quorate_codec::{Connect, Version};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::support::*;
use crate::config::{Limits, Listener, TlsFiles};
use crate::front_door::tls::TlsFace;

struct Ca {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    pem: String,
}

impl Ca {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        Self {
            certificate: certificate.der().clone(),
            pem: certificate.pem(),
            issuer: Issuer::new(params, key),
        }
    }

    /// Certificate and key in PEM.
    fn sign(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    /// Writes a certificate for localhost.
    fn write(&self, root: &Path) -> TlsFiles {
        let (cert, key) = self.sign("localhost");
        std::fs::write(root.join("cert.pem"), cert).unwrap();
        std::fs::write(root.join("key.pem"), key).unwrap();
        TlsFiles {
            cert: root.join("cert.pem"),
            key: root.join("key.pem"),
            client_ca: None,
        }
    }

    async fn connect(
        &self,
        stream: TcpStream,
        identity: Option<(String, String)>,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match identity {
            None => builder.with_no_client_auth(),
            Some((cert, key)) => {
                let chain = vec![CertificateDer::from_pem_slice(cert.as_bytes()).unwrap()];
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
                builder.with_client_auth_cert(chain, key).unwrap()
            }
        };
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
    }
}

fn listeners(files: &TlsFiles) -> Vec<Listener> {
    vec![Listener {
        tls: Some(files.clone()),
        ..plain().remove(0)
    }]
}

#[tokio::test]
async fn a_tls_client_is_handed_over_with_its_state() {
    let (root, ca) = (tempfile::tempdir().unwrap(), Ca::new());
    let mut door = Door::open(&listeners(&ca.write(root.path())), limits());
    let mut client = ca.connect(door.connect().await, None).await.unwrap();
    let mut sent = bytes(&Connect::new(Version::V5, "secure"));
    sent.extend_from_slice(&[0xc0, 0x00]);
    client.write_all(&sent).await.unwrap();
    let mut established = door.established().await;
    assert_eq!(established.leftover, [0xc0, 0x00]);

    // As a worker would: the state goes on where the handshake has left it, both ways.
    let mut session = established.tls.take().unwrap();
    established.stream.set_nonblocking(false).unwrap();
    client.write_all(b"more").await.unwrap();
    let mut read = [0; 4];
    let mut stream = established.stream;
    let done = tokio::task::spawn_blocking(move || {
        rustls::Stream::new(&mut *session, &mut stream)
            .read_exact(&mut read)
            .unwrap();
        let mut tls = rustls::Stream::new(&mut *session, &mut stream);
        std::io::Write::write_all(&mut tls, b"back").unwrap();
        std::io::Write::flush(&mut tls).unwrap();
        read
    });
    let mut back = [0; 4];
    client.read_exact(&mut back).await.unwrap();
    assert_eq!((&done.await.unwrap(), &back), (b"more", b"back"));
    door.end().await;
}

#[tokio::test]
async fn everything_sent_at_once_behind_connect_arrives() {
    let (root, ca) = (tempfile::tempdir().unwrap(), Ca::new());
    let mut door = Door::open(&listeners(&ca.write(root.path())), limits());
    let mut client = ca.connect(door.connect().await, None).await.unwrap();
    let mut sent = bytes(&Connect::new(Version::V5, "eager"));
    let connect_bytes = sent.len();
    sent.extend((0..100_000).map(|n: u32| n.to_le_bytes()[0]));
    client.write_all(&sent).await.unwrap();
    client.flush().await.unwrap();
    let mut established = door.established().await;
    let mut session = established.tls.take().unwrap();
    established.stream.set_nonblocking(false).unwrap();
    let mut received = std::mem::take(&mut established.leftover);
    let received = tokio::task::spawn_blocking(move || {
        let mut rest = vec![0; sent.len() - connect_bytes - received.len()];
        rustls::Stream::new(&mut *session, &mut established.stream)
            .read_exact(&mut rest)
            .unwrap();
        received.extend(rest);
        received == sent[connect_bytes..]
    });
    assert!(received.await.unwrap());
    door.end().await;
}

#[tokio::test]
async fn plain_bytes_and_silence_end_only_their_own_connection() {
    let (root, ca) = (tempfile::tempdir().unwrap(), Ca::new());
    let limits = Limits {
        handshake_max: std::time::Duration::from_millis(200),
        ..limits()
    };
    let mut door = Door::open(&listeners(&ca.write(root.path())), limits);
    let plain = bytes(&Connect::new(Version::V5, "plain"));
    for garbage in [
        &plain[..],
        &[0; 2_000],
        &[0x16, 0x03, 0x01, 0xff, 0xff],
        &[],
    ] {
        // An alert may come; a CONNACK must not.
        let answer = converse(door.connect().await, garbage).await;
        assert!(
            answer.first().is_none_or(|&first| first == 0x15),
            "{answer:?}"
        );
    }
    assert!(door.is_quiet());
    let mut client = ca.connect(door.connect().await, None).await.unwrap();
    client.write_all(&plain).await.unwrap();
    door.established().await;
    door.end().await;
}

#[tokio::test]
async fn a_client_of_another_ca_does_not_trust_us() {
    let (root, ca) = (tempfile::tempdir().unwrap(), Ca::new());
    let mut door = Door::open(&listeners(&ca.write(root.path())), limits());
    assert!(Ca::new().connect(door.connect().await, None).await.is_err());
    assert!(door.is_quiet());
    door.end().await;
}

#[tokio::test]
async fn a_client_ca_asks_for_certificates_it_has_signed() {
    let (root, ca, clients) = (tempfile::tempdir().unwrap(), Ca::new(), Ca::new());
    let client_ca = root.path().join("client-ca.pem");
    std::fs::write(&client_ca, &clients.pem).unwrap();
    let files = TlsFiles {
        client_ca: Some(client_ca),
        ..ca.write(root.path())
    };
    let mut door = Door::open(&listeners(&files), limits());
    let hello = bytes(&Connect::new(Version::V5, "c"));
    for identity in [None, Some(Ca::new().sign("client"))] {
        // In TLS 1.3 a client learns of its refusal with the first read.
        if let Ok(mut client) = ca.connect(door.connect().await, identity).await {
            let _ = client.write_all(&hello).await;
            assert!(client.read(&mut [0; 1]).await.is_err());
        }
    }
    assert!(door.is_quiet());
    let identity = Some(clients.sign("client"));
    let mut client = ca.connect(door.connect().await, identity).await.unwrap();
    client.write_all(&hello).await.unwrap();
    door.established().await;
    door.end().await;
}

#[tokio::test]
async fn a_new_certificate_is_used_and_a_broken_one_is_not() {
    let (root, old, new) = (tempfile::tempdir().unwrap(), Ca::new(), Ca::new());
    let files = old.write(root.path());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let face = TlsFace::new(files.clone(), provider).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let handshake = async |ca: &Ca| {
        let client = TcpStream::connect(address).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        let (server, client) = tokio::join!(face.accept(server), ca.connect(client, None));
        (server, client)
    };
    let (Ok(mut server), Ok(mut client)) = handshake(&old).await else {
        panic!("handshake")
    };

    // A new certificate beside the old key, as between two writes: the old pair stays.
    let (cert, key) = new.sign("localhost");
    std::fs::write(&files.cert, cert).unwrap();
    face.reload_if_changed();
    assert!(handshake(&old).await.1.is_ok());
    std::fs::write(&files.key, key).unwrap();
    face.reload_if_changed();
    assert!(handshake(&new).await.1.is_ok());
    assert!(handshake(&old).await.1.is_err());
    std::fs::remove_file(&files.key).unwrap();
    face.reload_if_changed();
    assert!(handshake(&new).await.1.is_ok());

    // The connection of before goes on.
    client.write_all(b"x").await.unwrap();
    let mut byte = [0; 1];
    server.read_exact(&mut byte).await.unwrap();
    assert_eq!(&byte, b"x");
}
