//! Against a service on a real socket with real TLS. What it answers is written here; what brokers answer is
//! tried on a real Kubernetes.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::SystemTime;

use quorate_proto::admin::admin_server::{Admin, AdminServer};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Request, Status};

use super::*;
use crate::membership::Role;
use crate::tls::{self, Data, Wanted, Which};

const HOST: &str = "demo-0.demo-nodes.iot.svc";

fn secrets() -> BTreeMap<Which, Data> {
    let wanted = Wanted {
        cluster: "demo".to_owned(),
        nodes: tls::node_names("demo", "demo-nodes", "iot"),
        clients: None,
    };
    let plan = tls::plan(&wanted, &BTreeMap::new(), SystemTime::now());
    plan.unwrap().secrets
}

fn identity(secrets: &BTreeMap<Which, Data>) -> Identity {
    let data = &secrets[&Which::Operator];
    Identity {
        cert: data["tls.crt"].clone(),
        key: data["tls.key"].clone(),
        bundle: data["ca.crt"].clone(),
    }
}

fn acceptor(nodes: &Data) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let certificates =
        |file: &str| CertificateDer::pem_slice_iter(&nodes[file]).map(Result::unwrap);
    let mut roots = rustls::RootCertStore::empty();
    certificates("admin-ca.crt").for_each(|root| roots.add(root).unwrap());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    let key = PrivateKeyDer::from_pem_slice(&nodes["admin.key"]).unwrap();
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(certificates("admin.crt").collect(), key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

/// A service behind TLS; answers with its address.
async fn serve(nodes: &Data, service: Scripted) -> Address {
    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let behind = plain.local_addr().unwrap();
    let serving = Server::builder().add_service(AdminServer::new(service));
    tokio::spawn(serving.serve_with_incoming(TcpIncoming::from(plain)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = acceptor(nodes);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(mut tls) = acceptor.accept(stream).await {
                    let mut plain = TcpStream::connect(behind).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut tls, &mut plain).await;
                }
            });
        }
    });
    Address {
        host: HOST.to_owned(),
        ip: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        port,
        peer_address: format!("{HOST}:7883"),
    }
}

/// A node whose answers are written here. Its membership has revision 7.
#[derive(Debug, Clone, Default)]
struct Scripted {
    status: proto::StatusReply,
    silent: bool,
}

impl Scripted {
    fn change(
        &self,
        request: &proto::MemberRequest,
    ) -> Result<Response<proto::ChangeReply>, Status> {
        if request.expected_revision != 7 {
            let mut status = Status::new(Code::FailedPrecondition, "the membership has changed");
            status.metadata_mut().insert("quorate-revision", 7.into());
            return Err(status);
        }
        if request.node == 404 {
            return Err(Status::not_found("node 404 is no member"));
        }
        let node = request.node;
        Ok(Response::new(proto::ChangeReply { revision: 8, node }))
    }
}

#[tonic::async_trait]
impl Admin for Scripted {
    async fn status(
        &self,
        _: Request<proto::StatusRequest>,
    ) -> Result<Response<proto::StatusReply>, Status> {
        if self.silent {
            std::future::pending::<()>().await;
        }
        Ok(Response::new(self.status.clone()))
    }

    async fn initialise(
        &self,
        request: Request<proto::InitialiseRequest>,
    ) -> Result<Response<proto::ChangeReply>, Status> {
        assert_eq!(request.into_inner().ticket, "t1");
        Ok(Response::new(proto::ChangeReply {
            revision: 1,
            node: 1,
        }))
    }

    async fn add_member(
        &self,
        request: Request<proto::AddMemberRequest>,
    ) -> Result<Response<proto::ChangeReply>, Status> {
        let request = request.into_inner();
        assert_eq!(request.members, ["demo-1:7883"]);
        assert_eq!(request.ticket, "t1");
        Ok(Response::new(proto::ChangeReply {
            revision: 9,
            node: 9,
        }))
    }

    async fn promote_member(
        &self,
        request: Request<proto::MemberRequest>,
    ) -> Result<Response<proto::ChangeReply>, Status> {
        self.change(&request.into_inner())
    }

    async fn demote_member(
        &self,
        request: Request<proto::MemberRequest>,
    ) -> Result<Response<proto::ChangeReply>, Status> {
        self.change(&request.into_inner())
    }

    async fn remove_member(
        &self,
        request: Request<proto::MemberRequest>,
    ) -> Result<Response<proto::ChangeReply>, Status> {
        self.change(&request.into_inner())
    }

    async fn transfer(
        &self,
        _: Request<proto::TransferRequest>,
    ) -> Result<Response<proto::TransferReply>, Status> {
        Ok(Response::new(proto::TransferReply {}))
    }

    async fn drain(
        &self,
        _: Request<proto::DrainRequest>,
    ) -> Result<Response<proto::DrainReply>, Status> {
        Err(Status::unavailable("no leader answers"))
    }
}

fn member_status() -> proto::StatusReply {
    let member = proto::Member {
        node: 4,
        role: proto::Role::Voter.into(),
        live: true,
        peer_address: format!("{HOST}:7883"),
        ..proto::Member::default()
    };
    let group = proto::Group {
        leader: Some(4),
        term: 3,
        voters: vec![4],
        lags: vec![proto::Lag {
            node: 5,
            entries: 6,
        }],
        ..proto::Group::default()
    };
    proto::StatusReply {
        cluster_id: "0123456789abcdef0123456789abcdef".to_owned(),
        node: 4,
        revision: 7,
        members: vec![member],
        groups: vec![group],
        stage: proto::Stage::Member.into(),
        lease_held: true,
        peer_address: format!("{HOST}:7883"),
        ..proto::StatusReply::default()
    }
}

fn ticket() -> String {
    "t1".to_owned()
}

fn target(node: u64, expected: u64) -> Target {
    Target {
        via: 0,
        node,
        name: "demo-0".to_owned(),
        expected,
    }
}

#[tokio::test]
async fn a_member_tells_what_it_knows() {
    let secrets = secrets();
    let nodes = Nodes::new(&identity(&secrets)).unwrap();
    let status = member_status();
    let service = Scripted {
        status,
        ..Scripted::default()
    };
    let address = serve(&secrets[&Which::Nodes], service).await;
    let Told::Member(view) = nodes.ask(&address).await else {
        panic!("no member");
    };
    assert_eq!((view.node, view.revision, view.lease_held), (4, 7, true));
    assert_eq!(view.members[&4].role, Role::Voter);
    assert_eq!(view.groups[&0].lags[&5], 6);
    // Another pod has moved into the address.
    let moved = Address {
        peer_address: "demo-1.demo-nodes.iot.svc:7883".to_owned(),
        ..address
    };
    let told = nodes.ask(&moved).await;
    assert!(
        matches!(&told, Told::Silent(why) if why.contains("another node")),
        "{told:?}"
    );
}

#[tokio::test]
async fn stages_are_told_and_nonsense_is_silence() {
    let secrets = secrets();
    let nodes = Nodes::new(&identity(&secrets)).unwrap();
    let mut told = Vec::new();
    for (stage, cluster_id) in [(1, ""), (2, ""), (3, "short"), (77, "")] {
        let status = proto::StatusReply {
            stage,
            cluster_id: cluster_id.to_owned(),
            ticket: ticket(),
            ..proto::StatusReply::default()
        };
        let service = Scripted {
            status,
            ..Scripted::default()
        };
        let address = serve(&secrets[&Which::Nodes], service).await;
        told.push(nodes.ask(&address).await);
    }
    let nonsense = Told::Silent("its answer is not understood".to_owned());
    assert_eq!(
        told,
        [
            Told::Waiting { ticket: ticket() },
            Told::Starting,
            nonsense.clone(),
            nonsense
        ]
    );
}

#[tokio::test]
async fn steps_are_carried_out_and_refusals_have_their_kinds() {
    let secrets = secrets();
    let nodes = Nodes::new(&identity(&secrets)).unwrap();
    let addresses = [serve(&secrets[&Which::Nodes], Scripted::default()).await];
    let members = vec!["demo-1:7883".to_owned()];
    let said = |next: Next| {
        let (nodes, addresses) = (nodes.clone(), addresses.clone());
        async move { nodes.carry_out(&next, &addresses).await }
    };
    let text = said(Next::Initialise {
        pod: 0,
        ticket: ticket(),
    })
    .await
    .unwrap();
    assert_eq!(text, "A new cluster has begun with node 1.");
    assert!(
        said(Next::Add {
            pod: 0,
            ticket: ticket(),
            members
        })
        .await
        .unwrap()
        .contains("node 9")
    );
    assert!(
        said(Next::Promote(target(5, 7)))
            .await
            .unwrap()
            .contains("demo-0 (node 5)")
    );
    let stale = said(Next::Remove(target(5, 6))).await.unwrap_err();
    assert_eq!(stale, AdminError::Stale { current: 7 });
    let refused = said(Next::Remove(target(404, 7))).await.unwrap_err();
    assert_eq!(
        (refused.kind(), refused.to_string().contains("no member")),
        ("refused", true)
    );
    let drain = said(Next::Drain(target(5, 7))).await.unwrap_err();
    assert_eq!(drain, AdminError::Refused("no leader answers".to_owned()));
    assert_eq!(
        said(Next::Initialise {
            pod: 3,
            ticket: ticket()
        })
        .await,
        Err(AdminError::NoSuchPod)
    );
}

#[tokio::test]
async fn a_node_that_does_not_answer_is_not_waited_for() {
    let secrets = secrets();
    let nodes = Nodes::new(&identity(&secrets)).unwrap();
    let service = Scripted {
        silent: true,
        ..Scripted::default()
    };
    let mut address = serve(&secrets[&Which::Nodes], service).await;
    let told = nodes.ask(&address).await;
    assert!(
        matches!(&told, Told::Silent(why) if why.contains("3 s") || why.contains("not answer")),
        "{told:?}"
    );
    address.ip = None;
    let told = nodes.ask(&address).await;
    assert_eq!(told, Told::Silent("the pod has no address yet".to_owned()));
}

#[tokio::test]
async fn strangers_get_nothing_and_are_not_believed() {
    let (ours, theirs) = (secrets(), secrets());
    let address = serve(&ours[&Which::Nodes], Scripted::default()).await;
    // A foreign operator; a foreign node; a node under another name.
    let stranger = Nodes::new(&identity(&theirs)).unwrap();
    assert!(matches!(stranger.ask(&address).await, Told::Silent(_)));
    let mut mixed = identity(&theirs);
    mixed.bundle = identity(&ours).bundle;
    let told = Nodes::new(&mixed).unwrap().ask(&address).await;
    assert!(matches!(told, Told::Silent(_)), "{told:?}");
    let renamed = Address {
        host: "demo-0.elsewhere.svc".to_owned(),
        ..address
    };
    let told = Nodes::new(&identity(&ours)).unwrap().ask(&renamed).await;
    assert!(
        matches!(&told, Told::Silent(why) if why.contains("certificate")),
        "{told:?}"
    );
}

#[test]
fn an_identity_that_is_none_is_said() {
    let whole = identity(&secrets());
    let refused = |identity: Identity| Nodes::new(&identity).unwrap_err().to_string();
    let without_key = Identity {
        key: Vec::new(),
        ..whole.clone()
    };
    assert!(refused(without_key).contains("no private key"));
    let without_ca = Identity {
        bundle: Vec::new(),
        ..whole.clone()
    };
    assert!(refused(without_ca).contains("no CA"));
    assert_eq!(format!("{whole:?}"), "Identity { .. }");
}
