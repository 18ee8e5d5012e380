//! Tests of the admin service with its client, over a port, against a cluster that is only pretended.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use futures::FutureExt as _;
use quorate_proto::admin as proto;
use quorate_proto::admin::admin_client::AdminClient;

use super::*;
use crate::certs;
use crate::config::{MutualTlsFiles, Service};
use crate::shutdown::{self, ShutdownTrigger};

/// Pretends to be a member; revision 7 until something changes.
#[derive(Default)]
struct Pretended {
    done: Mutex<Vec<String>>,
}

impl Pretended {
    fn note(&self, what: String) {
        self.done.lock().unwrap().push(what);
    }
}

#[tonic::async_trait]
impl ClusterAccess for Pretended {
    fn status(&self) -> ClusterStatus {
        let member = |node, name: &str, role, live| MemberView {
            node,
            name: name.to_owned(),
            role,
            incarnation: node,
            live,
            suspended: false,
            draining: node == 9,
            peer_address: format!("10.0.0.{node}:7883"),
            client_address: format!("10.0.0.{node}:1883"),
            admin_address: String::new(),
        };
        ClusterStatus {
            cluster: 0xfeed,
            node: 1,
            lease_held: true,
            revision: 7,
            members: vec![
                member(1, "one", Role::Voter, true),
                member(5, "two", Role::Voter, false),
                member(9, "", Role::Learner, true),
            ],
            groups: vec![
                GroupView {
                    group: 0,
                    leader: Some(1),
                    term: 3,
                    committed: 40,
                    applied: 40,
                    voters: vec![1, 5],
                    learners: vec![9],
                    lags: BTreeMap::from([(5, 12), (9, 0)]),
                },
                GroupView {
                    group: 1,
                    ..GroupView::default()
                },
            ],
        }
    }

    async fn change(&self, expected: u64, change: Change) -> Result<Changed, ChangeError> {
        if expected != 7 {
            return Err(ChangeError::Stale { current: 7 });
        }
        let node = match change {
            Change::Promote(node) | Change::Demote(node) | Change::Remove(node) => node,
        };
        if node > 9 {
            return Err(ChangeError::UnknownNode(node));
        }
        self.note(format!("{change:?}"));
        Ok(Changed { revision: 8, node })
    }

    async fn transfer(&self, group: u32, to: u64) -> Result<(), ChangeError> {
        self.note(format!("transfer {group} to {to}"));
        Ok(())
    }

    async fn drain(&self, node: u64, undo: bool) -> Result<(), ChangeError> {
        self.note(format!("drain {node} {undo}"));
        Ok(())
    }
}

type Asked = Result<String, (u8, String)>;

struct Node {
    to: String,
    desk: Desk,
    _trigger: ShutdownTrigger,
}

fn open(tls: Option<MutualTlsFiles>) -> Node {
    let desk = Desk::new("node-1:7883");
    let service = Service {
        listen: "127.0.0.1:0".parse().unwrap(),
        tls,
    };
    let server = AdminServer::open(&service, desk.clone()).unwrap();
    let to = server.address().unwrap().to_string();
    let (trigger, ended) = shutdown::channel();
    tokio::spawn(server.run(ended));
    Node {
        to,
        desk,
        _trigger: trigger,
    }
}

fn member() -> (Node, Arc<Pretended>) {
    let node = open(None);
    let access = Arc::new(Pretended::default());
    node.desk.is_member(access.clone());
    (node, access)
}

/// What would be printed, or the exit code with the sentence.
async fn ask(to: &str, question: Question) -> Asked {
    ask_with(to, None, question).await
}

async fn ask_with(to: &str, tls: Option<MutualTlsFiles>, question: Question) -> Asked {
    let call = Call {
        to: to.to_owned(),
        tls,
        question,
    };
    let answer = client::answer(&call).await;
    answer.map_err(|error| (error.exit_code(), error.to_string()))
}

const STATUS: Question = Question::Status { json: false };

#[tokio::test]
async fn the_status_is_two_tables_or_json() {
    let (node, _) = member();
    let text = ask(&node.to, STATUS).await.unwrap();
    for line in [
        "cluster 0000000000000000000000000000feed   membership revision 7",
        "1     one   voter    live            10.0.0.1:1883  10.0.0.1:7883  -",
        "5     two   voter    lease ended",
        "9     -     learner  live, draining",
        "0      control  1       3     40         1 5     9         5 by 12",
        "1      shard 0  none",
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
    let json = ask(&node.to, Question::Status { json: true })
        .await
        .unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["stage"], "member");
    assert_eq!(json["members"][1]["lease_held"], false);
    assert_eq!(json["groups"][0]["lags"][0]["entries"], 12);
    assert_eq!(json["groups"][1]["leader"], serde_json::Value::Null);
}

#[tokio::test]
async fn changes_reach_the_cluster_with_the_revision_that_was_seen() {
    let (node, access) = member();
    let promote = |node, expected| Question::Promote { node, expected };
    let told = ask(&node.to, promote(9, None)).await.unwrap();
    assert!(
        told.contains("Node 9 becomes a voter, revision 8"),
        "{told}"
    );
    let stale = ask(&node.to, promote(9, Some(6))).await.unwrap_err();
    assert_eq!(stale.0, 4);
    assert!(stale.1.contains("its revision is 7"), "{}", stale.1);
    let unknown = ask(&node.to, promote(77, None)).await.unwrap_err();
    assert_eq!(unknown.0, 1);
    assert!(unknown.1.contains("node 77 is no member"), "{}", unknown.1);
    ask(&node.to, Question::Transfer { group: 0, node: 5 })
        .await
        .unwrap();
    let none = ask(&node.to, Question::Transfer { group: 1, node: 5 })
        .await
        .unwrap_err();
    assert!(none.1.contains("shard 0 has no leader"), "{}", none.1);
    ask(
        &node.to,
        Question::Drain {
            node: 5,
            undo: false,
        },
    )
    .await
    .unwrap();
    let done = access.done.lock().unwrap().clone();
    assert_eq!(done, ["Promote(9)", "transfer 0 to 5", "drain 5 false"]);
}

#[tokio::test]
async fn a_node_that_waits_is_told_what_to_do_once() {
    let (cluster, _) = member();
    let waiting = open(None);
    let desk = waiting.desk.clone();
    let begun = tokio::spawn(async move {
        let decision = desk.decision("first").await;
        desk.is_member(Arc::new(Pretended::default()));
        decision
    });
    let mut said = String::new();
    while !said.contains("waits: quorate admin --to") {
        said = ask(&waiting.to, STATUS).await.unwrap();
    }
    let add = || Question::Add {
        address: waiting.to.clone(),
    };
    let added = ask(&cluster.to, add()).await.unwrap();
    assert!(added.contains("is a learner now"), "{added}");
    let live = ["10.0.0.1:7883", "10.0.0.9:7883"].map(str::to_owned);
    assert_eq!(begun.await.unwrap(), Decision::Join(live.to_vec()));
    let again = ask(&cluster.to, add()).await.unwrap_err();
    assert!(again.1.contains("does not wait to be told"), "{}", again.1);
    let init = ask(&cluster.to, Question::Initialise).await.unwrap_err();
    assert_eq!(init.0, 1);
}

#[tokio::test]
async fn a_decision_reaches_the_wait_that_was_seen_and_no_other() {
    let waiting = open(None);
    let (desk, other) = (waiting.desk.clone(), waiting.desk.clone());
    // A wait that ended before anybody spoke, as that of a process that was killed.
    assert!(desk.decision("first").now_or_never().is_none());
    let begun = tokio::spawn(async move {
        let decision = other.decision("second").await;
        other.is_member(Arc::new(Pretended::default()));
        decision
    });
    let mut client = AdminClient::connect(format!("http://{}", waiting.to))
        .await
        .unwrap();
    let mut status = proto::StatusReply::default();
    while status.ticket != "second" {
        status = client
            .status(proto::StatusRequest {})
            .await
            .unwrap()
            .into_inner();
    }
    assert_eq!(status.peer_address, "node-1:7883");
    let begin = |ticket: &str| proto::InitialiseRequest {
        ticket: ticket.to_owned(),
    };
    let late = client.initialise(begin("first")).await.unwrap_err();
    assert_eq!(late.code(), tonic::Code::FailedPrecondition);
    assert!(late.message().contains("begun to wait anew"), "{late}");
    client.initialise(begin("second")).await.unwrap();
    assert_eq!(begun.await.unwrap(), Decision::Begin);
    let again = client.initialise(begin("second")).await.unwrap_err();
    assert!(again.message().contains("does not wait"), "{again}");
    let member = client.status(proto::StatusRequest {}).await.unwrap();
    assert_eq!(member.into_inner().peer_address, "node-1:7883");
}

#[tokio::test]
async fn nobody_there_has_an_exit_code_of_its_own() {
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let gone = ask(&port.to_string(), STATUS).await.unwrap_err();
    assert_eq!(gone.0, 3);
    assert!(gone.1.contains("cannot be asked"), "{}", gone.1);
    let far = ask("10.255.255.1:7983", STATUS).await.unwrap_err();
    assert_eq!(far.0, 3);
    assert!(far.1.contains("quorate certs"), "{}", far.1);
}

#[tokio::test]
async fn with_certificates_only_their_holders_are_answered() {
    let root = tempfile::tempdir().unwrap();
    let make = |name: &str| {
        let out = root.path().join(name);
        let nodes = vec![certs::NodeNames::parse("one=127.0.0.1").unwrap()];
        certs::make(&certs::Order {
            out: out.clone(),
            nodes,
        })
        .unwrap();
        move |folder: &str| {
            let file = |file: &str| out.join(folder).join(file);
            MutualTlsFiles {
                cert: file("admin.crt"),
                key: file("admin.key"),
                ca: file("admin-ca.crt"),
            }
        }
    };
    let (ours, theirs) = (make("ours"), make("theirs"));
    let node = open(Some(ours("one")));
    node.desk.is_member(Arc::new(Pretended::default()));
    let asked = |tls| ask_with(&node.to, tls, STATUS);
    let status = asked(Some(ours("admin-client"))).await.unwrap();
    assert!(status.contains("membership revision 7"), "{status}");
    for stranger in [None, Some(theirs("admin-client")), Some(ours("one"))] {
        let refused = asked(stranger.clone()).await.unwrap_err();
        assert_eq!(refused.0, 3, "{stranger:?}: {}", refused.1);
    }
    assert!(asked(Some(ours("admin-client"))).await.is_ok());
}
