//! Sessions, wills and takeover as clients see them.

use std::net::Shutdown;

use anyhow::Result;
use quorate_e2e::broker::{Broker, Options, with_broker};
use quorate_e2e::client::Client;
use quorate_e2e::packet::{Connect, Version, Will};
use quorate_e2e::tool::{Tool, run_well};
use quorate_e2e::wait;

const TAKEN_OVER: u8 = 0x8e;

fn listener(broker: &Broker, filter: &str) -> Result<Client> {
    let mut client = Client::connect(broker.port, &Connect::new("listener"))?;
    client.subscribe(filter, 1)?;
    Ok(client)
}

#[test]
fn a_persistent_session_keeps_its_messages() -> Result<()> {
    with_broker(Options::default(), |broker| {
        let port = broker.port.to_string();
        let session = ["-p", &port, "-i", "sleeper", "-c", "-q", "1", "-t", "box/#"];
        // -E: subscribe and leave.
        run_well("mosquitto_sub", &[&session[..], &["-E"]].concat())?;
        for number in 1..=5 {
            let message = number.to_string();
            run_well(
                "mosquitto_pub",
                &["-p", &port, "-q", "1", "-t", "box/in", "-m", &message],
            )?;
        }
        let printed = run_well(
            "mosquitto_sub",
            &[&session[..], &["-C", "5", "-W", "10"]].concat(),
        )?;
        assert_eq!(printed, "1\n2\n3\n4\n5\n");
        Ok(())
    })
}

#[test]
fn a_persistent_session_keeps_its_messages_over_a_crash() -> Result<()> {
    with_broker(Options::default(), |broker| {
        for version in [Version::V311, Version::V5] {
            let options = Connect::persistent(&format!("sleeper-{version:?}")).version(version);
            let mut sleeper = Client::connect(broker.port, &options)?;
            assert!(!sleeper.session_present());
            sleeper.subscribe("box/#", 2)?;
            sleeper.disconnect()?;
            let mut publisher = Client::connect(broker.port, &Connect::new("publisher"))?;
            for (number, qos) in [("1", 1), ("2", 2), ("3", 1)] {
                publisher.publish("box/in", number, qos)?;
            }
            broker.kill()?;
            broker.restart()?;
            let mut sleeper = Client::connect(broker.port, &options)?;
            assert!(sleeper.session_present());
            assert_eq!(sleeper.receive_texts(3)?, ["1", "2", "3"]);
        }
        Ok(())
    })
}

#[test]
fn what_was_not_acknowledged_comes_again_with_dup_and_its_packet_id() -> Result<()> {
    with_broker(Options::default(), |broker| {
        let options = Connect::persistent("forgetful");
        let mut client = Client::connect(broker.port, &options)?;
        client.subscribe("again", 2)?;
        let mut publisher = Client::connect(broker.port, &Connect::new("publisher"))?;
        publisher.publish("again", "one", 1)?;
        publisher.publish("again", "two", 2)?;
        let first = [client.next(wait::PATIENCE)?, client.next(wait::PATIENCE)?];
        client.socket()?.shutdown(Shutdown::Both)?;
        let mut client = Client::connect(broker.port, &options)?;
        for packet in first {
            let quorate_e2e::packet::Packet::Publish(expected) = packet else {
                anyhow::bail!("{packet:?}");
            };
            let again = client.receive()?;
            assert!(!expected.dup && again.dup, "{again:?}");
            assert_eq!((again.id, again.payload), (expected.id, expected.payload));
        }
        Ok(())
    })
}

#[test]
fn a_clean_start_ends_the_old_session() -> Result<()> {
    with_broker(Options::default(), |broker| {
        let mut old = Client::connect(broker.port, &Connect::persistent("fickle"))?;
        old.subscribe("x", 1)?;
        old.disconnect()?;
        let fresh = Client::connect(broker.port, &Connect::new("fickle"))?;
        assert!(!fresh.session_present());
        fresh.disconnect()?;
        let back = Client::connect(broker.port, &Connect::persistent("fickle"))?;
        assert!(!back.session_present());
        Ok(())
    })
}

#[test]
fn a_session_expires() -> Result<()> {
    with_broker(Options::default(), |broker| {
        let short = Connect {
            session_expiry: 1,
            ..Connect::persistent("mayfly")
        };
        let mut client = Client::connect(broker.port, &short)?;
        client.subscribe("x", 1)?;
        client.disconnect()?;
        wait::pass(std::time::Duration::from_millis(2500));
        assert!(!Client::connect(broker.port, &short)?.session_present());
        Ok(())
    })
}

#[test]
fn a_cut_connection_publishes_the_will() -> Result<()> {
    with_broker(Options::default(), |broker| {
        let mut listener = listener(broker, "wills/#")?;
        let port = broker.port.to_string();
        let mut paho = Tool::paho("stay.py", &[&port, "unlucky", "wills/paho", "gone"])?;
        assert_eq!(paho.line()?, "connected 0 False");
        paho.kill()?;
        let will = listener.receive()?;
        assert_eq!(
            (will.topic.as_str(), will.text().as_str()),
            ("wills/paho", "gone")
        );
        for (version, qos, retain) in [(Version::V311, 0, false), (Version::V5, 2, true)] {
            let topic = format!("wills/{version:?}");
            let will = Will {
                topic: topic.clone(),
                payload: b"gone".to_vec(),
                qos,
                retain,
                delay: 0,
            };
            let options = Connect {
                will: Some(will),
                ..Connect::new("unlucky").version(version)
            };
            let client = Client::connect(broker.port, &options)?;
            client.socket()?.shutdown(Shutdown::Both)?;
            assert_eq!(listener.receive()?.topic, topic);
        }
        let mut late = Client::connect(broker.port, &Connect::new("late"))?;
        late.subscribe("wills/#", 1)?;
        assert_eq!(late.receive()?.topic, "wills/V5");
        Ok(())
    })
}

#[test]
fn a_good_bye_publishes_no_will() -> Result<()> {
    with_broker(Options::default(), |broker| {
        let mut listener = listener(broker, "wills/#")?;
        let will = Will {
            topic: "wills/a".into(),
            payload: b"gone".to_vec(),
            qos: 1,
            retain: false,
            delay: 0,
        };
        let options = Connect {
            will: Some(will),
            ..Connect::new("polite")
        };
        Client::connect(broker.port, &options)?.disconnect()?;
        // The same client again: by then the old connection and its will are settled.
        let mut again = Client::connect(broker.port, &Connect::new("polite"))?;
        again.publish("wills/marker", "marker", 1)?;
        assert_eq!(listener.receive()?.text(), "marker");
        Ok(())
    })
}

#[test]
fn a_will_is_delayed_and_a_return_in_time_cancels_it() -> Result<()> {
    with_broker(Options::default(), |broker| {
        let mut listener = listener(broker, "wills/#")?;
        let will = |topic: &str| Will {
            topic: topic.to_owned(),
            payload: b"gone".to_vec(),
            qos: 1,
            retain: false,
            delay: 1,
        };
        let dies = Connect {
            will: Some(will("wills/dies")),
            ..Connect::persistent("dies")
        };
        let returns = Connect {
            will: Some(will("wills/returns")),
            ..Connect::persistent("returns")
        };
        for options in [&returns, &dies] {
            let client = Client::connect(broker.port, options)?;
            client.socket()?.shutdown(Shutdown::Both)?;
        }
        let mut returned = Client::connect(
            broker.port,
            &Connect {
                will: None,
                ..returns
            },
        )?;
        returned.publish("wills/before", "", 1)?;
        assert_eq!(listener.receive()?.topic, "wills/before");
        assert_eq!(listener.receive()?.topic, "wills/dies");
        Ok(())
    })
}

#[test]
fn silence_beyond_the_keep_alive_publishes_the_will() -> Result<()> {
    with_broker(Options::default(), |broker| {
        let mut listener = listener(broker, "wills/#")?;
        let will = Will {
            topic: "wills/silent".into(),
            payload: vec![],
            qos: 1,
            retain: false,
            delay: 0,
        };
        let options = Connect {
            will: Some(will),
            keep_alive: 1,
            ..Connect::new("silent")
        };
        let mut silent = Client::connect(broker.port, &options)?;
        assert_eq!(listener.receive()?.topic, "wills/silent");
        silent.closed(wait::PATIENCE)?;
        Ok(())
    })
}

#[test]
fn two_clients_with_one_id_leave_one() -> Result<()> {
    with_broker(Options::default(), |broker| {
        let port = broker.port.to_string();
        let mut paho = Tool::paho("stay.py", &[&port, "twin"])?;
        assert_eq!(paho.line()?, "connected 0 False");
        let mut second = Client::connect(broker.port, &Connect::persistent("twin"))?;
        // Paho reads the reason only when properties follow it; our own client below reads it.
        assert!(paho.line()?.starts_with("disconnected"));
        assert!(second.session_present());
        let third = Client::connect(broker.port, &Connect::new("twin").version(Version::V311))?;
        assert_eq!(second.closed(wait::PATIENCE)?, Some(TAKEN_OVER));
        third.disconnect()
    })
}

#[test]
fn many_clients_with_one_id_leave_one() -> Result<()> {
    with_broker(Options::default(), |broker| {
        let port = broker.port;
        let connect = move || Client::connect(port, &Connect::new("crowd"));
        let threads: Vec<_> = (0..20).map(|_| std::thread::spawn(connect)).collect();
        let clients = threads
            .into_iter()
            .filter_map(|thread| thread.join().ok()?.ok());
        let mut clients: Vec<Client> = clients.collect();
        wait::until("all but one to be closed", wait::PATIENCE, || {
            clients.retain_mut(|client| client.ping().is_ok());
            (clients.len() <= 1).then_some(())
        })?;
        assert_eq!(clients.len(), 1, "nobody is left");
        Ok(())
    })
}
