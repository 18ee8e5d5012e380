//! Clients inside of Kubernetes and outside: what is published on one pod arrives on another, whichever way they came.

use anyhow::{Context as _, Result, ensure};
use quorate_e2e::client::Client;
use quorate_e2e::kubernetes::{Broker, Clients, NAMESPACE, Pod, demo, with_kubernetes};
use quorate_e2e::packet::Connect;
use quorate_e2e::tls;

/// The name of one pod, as others in the namespace call it.
fn host(broker: &Broker<'_>, pod: &Pod) -> String {
    format!("{}.{}", pod.name, broker.nodes_service())
}

/// A session inside of the cluster that keeps what comes for it until it is looked at.
struct Session<'a> {
    clients: &'a Clients<'a>,
    /// How it reaches the cluster.
    to: Vec<&'a str>,
    topic: &'a str,
}

impl<'a> Session<'a> {
    /// Subscribes; comes back when that is acknowledged.
    fn begin(clients: &'a Clients<'a>, to: &[&'a str], topic: &'a str) -> Result<Self> {
        let session = Self {
            clients,
            to: to.to_vec(),
            topic,
        };
        session.run(&["-E"])?;
        Ok(session)
    }

    /// The next message is that one.
    fn receives(&self, payload: &str) -> Result<()> {
        let received = self.run(&["-C", "1", "-W", "20"]);
        let received = received.with_context(|| format!("{payload} did not come"))?;
        ensure!(received.trim() == payload, "{received} came, not {payload}");
        Ok(())
    }

    fn run(&self, more: &[&str]) -> Result<String> {
        let name = self.topic.replace('/', "-");
        let fixed = [
            "mosquitto_sub",
            "-c",
            "-q",
            "1",
            "-i",
            &name,
            "-t",
            self.topic,
        ];
        self.clients.run(&[&fixed[..], &self.to, more].concat())
    }
}

#[test]
fn what_is_published_on_one_pod_arrives_on_every_other() -> Result<()> {
    with_kubernetes(|kubernetes| {
        let broker = demo(kubernetes)?;
        let clients = Clients::start(kubernetes, NAMESPACE, None)?;
        let pods = broker.pods()?;
        for publishing in &pods {
            for receiving in &pods {
                let (from, to) = (host(&broker, publishing), host(&broker, receiving));
                let payload = format!("{from} to {to}");
                let session = Session::begin(&clients, &["-h", &to], "between/pods")?;
                clients.run(&[
                    "mosquitto_pub",
                    "-h",
                    &from,
                    "-q",
                    "1",
                    "-t",
                    "between/pods",
                    "-m",
                    &payload,
                ])?;
                session.receives(&payload)?;
            }
        }
        Ok(())
    })
}

#[test]
fn the_client_service_and_the_node_ports_lead_to_the_cluster() -> Result<()> {
    with_kubernetes(|kubernetes| {
        let broker = demo(kubernetes)?;
        let clients = Clients::start(kubernetes, NAMESPACE, None)?;
        let service = broker.service_name("mqtt");
        let outside = broker.node_ports("mqtt")?;
        for (number, endpoint) in outside.iter().enumerate() {
            let payload = format!("from outside through node {number}");
            let session = Session::begin(&clients, &["-h", &service], "in/and/out")?;
            let mut client = Client::connect(*endpoint, &Connect::new("outside"))?;
            ensure!(
                client.publish("in/and/out", payload.as_str(), 1)? < 0x80,
                "refused"
            );
            session.receives(&payload)?;
            client.subscribe("out/again", 1)?;
            clients.run(&[
                "mosquitto_pub",
                "-h",
                &service,
                "-q",
                "1",
                "-t",
                "out/again",
                "-m",
                &payload,
            ])?;
            ensure!(client.receive()?.text() == payload, "another message");
            client.disconnect()?;
        }
        Ok(())
    })
}

#[test]
fn mosquitto_outside_reaches_every_node_port() -> Result<()> {
    with_kubernetes(|kubernetes| {
        let broker = demo(kubernetes)?;
        for endpoint in broker.node_ports("mqtt")? {
            let (host, port) = (endpoint.host(), endpoint.port());
            let to = ["-h", &host, "-p", &port, "-q", "1", "-t", "outside"];
            quorate_e2e::tool::run_well("mosquitto_pub", &[&to[..], &["-m", "hello"]].concat())?;
        }
        Ok(())
    })
}

#[test]
fn tls_is_trusted_by_the_ca_that_clients_are_given_and_by_no_other() -> Result<()> {
    with_kubernetes(|kubernetes| {
        let broker = demo(kubernetes)?;
        let clients = Clients::start(kubernetes, NAMESPACE, Some(&broker.client_trust()))?;
        let service = broker.service_name("mqtts");
        let sealed = ["-h", &service, "-p", "8883", "--cafile", "/ca/ca.crt"];
        let session = Session::begin(&clients, &sealed, "by/tls")?;
        let publish = ["mosquitto_pub", "-q", "1", "-t", "by/tls", "-m", "sealed"];
        clients.run(&[&publish[..], &sealed].concat())?;
        session.receives("sealed")?;
        let plain = clients.run(&[&publish[..], &sealed[..4]].concat());
        ensure!(plain.is_err(), "the port takes clients without TLS");
        let directory = tempfile::tempdir()?;
        let stranger = tls::Authority::new(directory.path(), "stranger")?;
        for endpoint in broker.node_ports("mqtts")? {
            let refused = tls::talk(endpoint, stranger.file(), None, b"hello");
            let error = refused.err().context("a stranger's authority was enough")?;
            let said = format!("{error:#}");
            ensure!(
                said.contains("UnknownIssuer"),
                "refused for another reason: {said}"
            );
        }
        Ok(())
    })
}

#[test]
fn a_user_of_the_secret_gets_in_and_another_does_not() -> Result<()> {
    with_kubernetes(|kubernetes| {
        let broker = demo(kubernetes)?;
        let endpoint = *broker.node_ports("mqtt")?.first().context("no node port")?;
        let login = |user: &str, password: &str| Connect {
            login: Some((user.to_owned(), password.to_owned())),
            ..Connect::new(user)
        };
        Client::connect(endpoint, &login("ann", "secret"))?.disconnect()?;
        for (user, password) in [("ann", "guess"), ("bob", "secret")] {
            let refused = Client::connect(endpoint, &login(user, password));
            ensure!(refused.is_err(), "{user} got in with {password}");
        }
        Ok(())
    })
}
