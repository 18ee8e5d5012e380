//! Whoever is no member gets nothing from the ports for nodes and operators, and disturbs nobody.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use quorate_e2e::cluster::{Certificates, Cluster, Options, Place, Start, with_cluster};
use quorate_e2e::endpoint::Endpoint;
use quorate_e2e::hostile::{Attack, Intruder};
use quorate_e2e::load::Load;
use quorate_e2e::random::Random;
use quorate_e2e::tls::{self, Credentials};
use quorate_e2e::wait;

/// A stranger is put out within this.
const OUT_WITHIN: Duration = Duration::from_secs(20);

/// The head of every HTTP/2 connection: after it a stranger looks like a node.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";

/// Nothing of what the body does is felt: no election, no late acknowledgement, nothing lost.
fn undisturbed(
    place: Place,
    body: impl FnOnce(&mut Cluster, &mut Random) -> Result<()>,
) -> Result<()> {
    let mut random = Random::announced("cluster_strangers");
    with_cluster(Options::three(place), |cluster| {
        let load = Load::over(&cluster.endpoints())?;
        load.run().acknowledges_again(load.publisher_count())?;
        let before = cluster.calm()?;
        load.run().mark();
        body(cluster, &mut random)?;
        cluster.whole()?;
        cluster.status()?.has_the_terms_of(&before)?;
        let longest = load.run().timing().longest;
        println!("no acknowledgement later than {longest:.0?} meanwhile");
        ensure!(
            longest < Duration::from_secs(1),
            "an acknowledgement took {longest:?}"
        );
        load.finish()
    })
}

#[test]
fn noise_on_the_ports_for_nodes_and_operators_is_refused() -> Result<()> {
    for place in [Place::Loopback, Place::Namespaces] {
        undisturbed(place, |cluster, random| {
            let ports: Vec<Endpoint> = cluster
                .nodes()
                .iter()
                .flat_map(|node| [node.peers, node.admin])
                .collect();
            let mut intruders = Vec::new();
            for port in &ports {
                for attack in Attack::ALL {
                    intruders.push(Intruder::send(*port, attack, random)?);
                }
                let noise = [PREFACE, &random.bytes(5000)].concat();
                intruders.push(Intruder::send_bytes(*port, Attack::Noise, &noise)?);
            }
            wait::pass(Duration::from_secs(1));
            // Not all need be out while the cluster is judged: a silent one has more time.
            let noisy = intruders.into_iter().filter(Intruder::is_noisy);
            noisy
                .into_iter()
                .try_for_each(|intruder| intruder.ended(OUT_WITHIN))
        })?;
    }
    Ok(())
}

#[test]
fn certificates_of_a_foreign_cluster_or_of_the_other_port_are_refused() -> Result<()> {
    undisturbed(Place::Namespaces, |cluster, random| {
        let ours = cluster.certificates().context("certificates")?.clone();
        let folder = cluster.directory().join("foreign");
        let foreign = Certificates::make(&folder, 1, cluster.node(1).peers.0.ip())?;
        for node in cluster.nodes() {
            for (port, own, other) in [
                (node.peers, "--peers-", "--admin-"),
                (node.admin, "--admin-", "--peers-"),
            ] {
                let authority = file(&ours, &format!("{own}ca"))?;
                for (whose, kind) in [(None, ""), (Some(&foreign), own), (Some(&ours), other)] {
                    let credentials = whose.map(|whose| credentials(whose, kind)).transpose()?;
                    let outcome = tls::talk(port, &authority, credentials.as_ref(), PREFACE);
                    ensure!(
                        outcome.is_err(),
                        "port {port} answered a stranger {whose:?} {kind}"
                    );
                }
                // With the right certificate it is answered, and noise after that ends it alone.
                let right = if own == "--peers-" {
                    credentials(&ours, own)?
                } else {
                    credentials_of_admin(&ours)?
                };
                let answer = tls::talk(port, &authority, Some(&right), PREFACE)?;
                ensure!(!answer.is_empty(), "a member's certificate is refused");
                let noise = [PREFACE, &random.bytes(5000)].concat();
                let _ = tls::talk(port, &authority, Some(&right), &noise);
            }
        }
        Ok(())
    })
}

fn credentials(of: &Certificates, kind: &str) -> Result<Credentials> {
    Ok(Credentials {
        certificate: file(of, &format!("{kind}cert"))?,
        key: file(of, &format!("{kind}key"))?,
    })
}

fn credentials_of_admin(of: &Certificates) -> Result<Credentials> {
    let files = of.of_admin();
    let file = |flag| {
        let found = files.iter().find(|(name, _)| *name == flag);
        found
            .map(|(_, path)| path.clone())
            .context("an admin certificate")
    };
    Ok(Credentials {
        certificate: file("--cert")?,
        key: file("--key")?,
    })
}

fn file(of: &Certificates, flag: &str) -> Result<PathBuf> {
    let files = of.of_node(1);
    let found = files.into_iter().find(|(name, _)| *name == flag);
    Ok(found.with_context(|| flag.to_owned())?.1)
}

#[test]
fn a_node_of_another_cluster_is_not_taken_in() -> Result<()> {
    undisturbed(Place::Namespaces, |cluster, _| {
        let members = cluster.status()?.members.len();
        let folder = cluster.directory().join("foreign");
        let foreign = Certificates::make(&folder, 3, cluster.node(3).peers.0.ip())?;
        let join = cluster.node(1).peers_address();
        // Beside node 3, on other ports.
        let mut command = cluster.node(3).command(&quorate_e2e::broker::binary()?);
        let ip = cluster.node(3).peers.0.ip();
        command.arg("serve").arg("--data").arg(folder.join("data"));
        command.args(["--listen", &format!("mqtt://{ip}:2883"), "--join", &join]);
        command.args(["--peers-listen", &format!("{ip}:8883")]);
        command.args(["--admin-listen", &format!("{ip}:8983")]);
        for (name, path) in foreign.of_node(3) {
            command.arg(name).arg(path);
        }
        let log = fs::File::create(cluster.directory().join("foreign.log"))?;
        let mut child = command.stdout(log.try_clone()?).stderr(log).spawn()?;
        wait::pass(Duration::from_secs(3));
        let ended = child.try_wait()?;
        child.kill()?;
        child.wait()?;
        println!("the foreign node ended by itself: {ended:?}");
        ensure!(
            cluster.status()?.members.len() == members,
            "it was taken in"
        );
        Ok(())
    })
}

#[test]
fn an_older_life_of_a_node_is_refused_when_it_wakes() -> Result<()> {
    with_cluster(Options::three(Place::Loopback), |cluster| {
        let load = Load::over(&cluster.endpoints())?;
        let run = load.run().clone();
        run.acknowledges_again(load.publisher_count())?;
        let id = cluster.id_of(3)?;
        let old = cluster
            .status()?
            .member(id)
            .map(|member| member.incarnation);
        // The same disk in another place while the first process stands still: a machine that was
        // thought dead.
        cluster.node(3).pause()?;
        let heir = cluster.prepare_node()?;
        copy(&cluster.node(3).data(), &cluster.node(heir).data())?;
        cluster.node_mut(heir).launch(&Start::Single)?;
        let new = wait::until("the new life to be known", wait::PATIENCE, || {
            let status = cluster.status().ok()?;
            let member = status.member(id)?;
            (Some(member.incarnation) != old && member.lease_held).then_some(member.incarnation)
        })?;
        ensure!(Some(new) > old, "{new} {old:?}");
        cluster.node(3).resume()?;
        wait::pass(Duration::from_secs(4));
        let ended = cluster.node_mut(3).has_ended();
        ensure!(
            ended.is_some() || !cluster.node(3).is_ready(),
            "the older life serves clients"
        );
        ensure!(TcpStream::connect(cluster.node(heir).mqtt.0).is_ok());
        cluster.node_mut(3).kill()?;
        cluster.whole()?;
        run.settle()?;
        run.judge()?;
        load.finish()
    })
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status()?;
    ensure!(status.success(), "cp: {status}");
    // The lock of the process that stands still is on the file, not on its copy.
    Ok(())
}
