//! TLS: who trusts whom, and certificates replaced under live connections.

use anyhow::{Result, bail};
use quorate_e2e::broker::{Options, with_broker};
use quorate_e2e::client::{Client, Stream};
use quorate_e2e::packet::Connect;
use quorate_e2e::tls::{self, Authority, Identity};
use quorate_e2e::tool::{run, run_well};
use quorate_e2e::wait;

fn options(identity: &Identity) -> Options {
    let tls = Some((identity.certificate.clone(), identity.key.clone()));
    Options {
        tls,
        ..Options::default()
    }
}

#[test]
fn a_client_with_the_right_ca_is_served_and_one_without_is_not() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let ours = Authority::new(directory.path(), "ours")?;
    let theirs = Authority::new(directory.path(), "theirs")?;
    let identity = ours.issue(directory.path())?;
    with_broker(options(&identity), |broker| {
        let port = broker.tls_port.to_string();
        let (ours, theirs) = (
            ours.file().to_string_lossy(),
            theirs.file().to_string_lossy(),
        );
        let message = [
            "-h",
            "localhost",
            "-p",
            &port,
            "-q",
            "1",
            "-r",
            "-t",
            "t",
            "-m",
            "m",
        ];
        run_well(
            "mosquitto_pub",
            &[&message[..], &["--cafile", &ours]].concat(),
        )?;
        for wrong in [&["--cafile", &theirs][..], &[]] {
            let output = run("mosquitto_pub", &[&message[..], wrong].concat())?;
            assert!(!output.status.success(), "served with {wrong:?}");
        }
        let subscribe = [
            "-h",
            "localhost",
            "-p",
            &port,
            "-t",
            "t",
            "-C",
            "1",
            "-W",
            "10",
        ];
        let printed = run_well(
            "mosquitto_sub",
            &[&subscribe[..], &["--cafile", &ours]].concat(),
        )?;
        assert_eq!(printed, "m\n");
        Ok(())
    })
}

#[test]
fn large_messages_pass_through_tls_unchanged() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let authority = Authority::new(directory.path(), "ours")?;
    let identity = authority.issue(directory.path())?;
    with_broker(options(&identity), |broker| {
        let stream = tls::connect(broker.tls_port, authority.file())?;
        let (mut client, code) = Client::open(Stream::Tls(Box::new(stream)), &Connect::new("big"))?;
        assert_eq!(code, 0);
        client.subscribe("big", 2)?;
        let payload: Vec<u8> = (0..500_000_u32).map(|number| number as u8).collect();
        for qos in 0..=2 {
            client.publish("big", payload.clone(), qos)?;
            assert_eq!(client.receive()?.payload, payload);
        }
        Ok(())
    })
}

#[test]
fn a_replaced_certificate_serves_new_connections_and_keeps_the_old_ones() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let authority = Authority::new(directory.path(), "ours")?;
    let old = authority.issue(directory.path())?;
    with_broker(options(&old), |broker| {
        let stream = tls::connect(broker.tls_port, authority.file())?;
        if tls::shown(&stream) != old.der {
            bail!("not the certificate of the file");
        }
        let (mut before, _) = Client::open(Stream::Tls(Box::new(stream)), &Connect::new("before"))?;
        before.subscribe("t", 1)?;
        let new = authority.issue(directory.path())?;
        let stream = wait::until("the new certificate to be shown", wait::PATIENCE, || {
            let stream = tls::connect(broker.tls_port, authority.file()).ok()?;
            (tls::shown(&stream) == new.der).then_some(stream)
        })?;
        let (mut after, _) = Client::open(Stream::Tls(Box::new(stream)), &Connect::new("after"))?;
        after.publish("t", "over both", 1)?;
        assert_eq!(before.receive()?.text(), "over both");
        Ok(())
    })
}

#[test]
fn a_broken_certificate_file_leaves_the_old_one_in_service() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let authority = Authority::new(directory.path(), "ours")?;
    let identity = authority.issue(directory.path())?;
    with_broker(options(&identity), |broker| {
        std::fs::write(&identity.certificate, "no certificate")?;
        wait::until(
            "the log to speak of the certificate",
            wait::PATIENCE,
            || {
                let log = broker.log();
                log.lines()
                    .any(|line| line.contains("server.pem"))
                    .then_some(())
            },
        )?;
        let stream = tls::connect(broker.tls_port, authority.file())?;
        assert_eq!(tls::shown(&stream), identity.der);
        Ok(())
    })
}
