//! rumqttc and Eclipse Paho's C clients against the real process, in every version that they speak.

use anyhow::{Context as _, Result, ensure};
use quorate_e2e::broker::{Broker, Options, with_broker};
use quorate_e2e::port;
use quorate_e2e::tool::{Tool, run_well};
use quorate_e2e::wait::PATIENCE;

/// Larger than one read of the broker.
const LARGE_BYTES: usize = 200_000;

/// Something that a client was sent: topic, payload, QoS.
type Arrived = (String, Vec<u8>, u8);

/// What each client is put through; `publish` sends at a QoS, `arrived` gives what came next.
fn exchange(
    mut publish: impl FnMut(&str, Vec<u8>, u8) -> Result<()>,
    mut arrived: impl FnMut() -> Result<Arrived>,
) -> Result<()> {
    for qos in 0..=2 {
        for (topic, payload) in [
            ("rust/exact", b"small".to_vec()),
            ("rust/a/plus", Vec::new()),
            ("rust/hash/b/c", vec![b'x'; LARGE_BYTES]),
        ] {
            publish(topic, payload.clone(), qos)?;
            let (found, bytes, at) = arrived().with_context(|| format!("{topic} at {qos}"))?;
            ensure!(
                (found.as_str(), &bytes, at) == (topic, &payload, qos),
                "{found} of {} bytes at QoS {at} instead of {topic} at {qos}",
                bytes.len()
            );
        }
    }
    Ok(())
}

#[test]
fn rumqttc_exchanges_messages_in_311() -> Result<()> {
    use rumqttc::{Client, Event, MqttOptions, Packet, QoS, qos};

    with_broker(Options::default(), |broker| {
        let mut options = MqttOptions::new("rumqttc-4", "127.0.0.1", broker.port);
        options.set_max_packet_size(2 * LARGE_BYTES, 2 * LARGE_BYTES);
        let (client, mut connection) = Client::new(options, 100);
        client.subscribe("rust/#", QoS::ExactlyOnce)?;
        let mut next = || -> Result<Packet> {
            loop {
                let event = connection
                    .recv_timeout(PATIENCE)
                    .ok()
                    .context("nothing came")?;
                if let Event::Incoming(packet) = event? {
                    return Ok(packet);
                }
            }
        };
        while !matches!(next()?, Packet::SubAck(_)) {}
        let publish = |topic: &str, payload, level: u8| {
            let level = qos(level).context("a QoS")?;
            Ok(client.publish(topic, level, false, payload)?)
        };
        exchange(publish, || {
            loop {
                if let Packet::Publish(message) = next()? {
                    let qos = message.qos as u8;
                    return Ok((message.topic, message.payload.to_vec(), qos));
                }
            }
        })
    })
}

#[test]
fn rumqttc_exchanges_messages_in_5() -> Result<()> {
    use rumqttc::v5::mqttbytes::v5::Packet;
    use rumqttc::v5::mqttbytes::{QoS, qos};
    use rumqttc::v5::{Client, Event, MqttOptions};

    with_broker(Options::default(), |broker| {
        let mut options = MqttOptions::new("rumqttc-5", "127.0.0.1", broker.port);
        let bytes_max = u32::try_from(2 * LARGE_BYTES)?;
        options.set_max_packet_size(Some(bytes_max));
        let (client, mut connection) = Client::new(options, 100);
        client.subscribe("rust/#", QoS::ExactlyOnce)?;
        let mut next = || -> Result<Packet> {
            loop {
                let event = connection
                    .recv_timeout(PATIENCE)
                    .ok()
                    .context("nothing came")?;
                if let Event::Incoming(packet) = event? {
                    return Ok(packet);
                }
            }
        };
        while !matches!(next()?, Packet::SubAck(_)) {}
        let publish = |topic: &str, payload: Vec<u8>, level: u8| {
            let level = qos(level).context("a QoS")?;
            Ok(client.publish(topic, level, false, payload)?)
        };
        exchange(publish, || {
            loop {
                let packet = next()?;
                if let Packet::Publish(message) = packet {
                    let topic = String::from_utf8(message.topic.to_vec())?;
                    return Ok((topic, message.payload.to_vec(), message.qos as u8));
                }
                ensure!(!matches!(packet, Packet::Disconnect(_)), "{packet:?}");
            }
        })
    })
}

/// A `paho_c_sub` that has its subscription: a retained message proves it.
fn paho_subscriber(broker: &Broker, url: &str, version: &str, qos: &str) -> Result<Tool> {
    let port = broker.port.to_string();
    let ready = ["-p", &port, "-r", "-q", "1", "-t", "c/ready", "-m", "ready"];
    run_well("mosquitto_pub", &ready)?;
    let name = format!("c-sub-{version}-{qos}");
    let arguments = [
        "-c", url, "-V", version, "-q", qos, "-i", &name, "-t", "c/#",
    ];
    let mut tool = Tool::spawn("paho_c_sub", &arguments)?;
    ensure!(payload(&mut tool)? == "ready", "the retained message");
    Ok(tool)
}

/// The payload of the next message that it prints, between lines about itself.
fn payload(tool: &mut Tool) -> Result<String> {
    loop {
        if let Some((_, payload)) = tool.line()?.rsplit_once('\t') {
            return Ok(payload.to_owned());
        }
    }
}

#[test]
fn paho_c_exchanges_messages_in_every_version_also_over_websocket() -> Result<()> {
    let web = port::free()?;
    let options = Options {
        arguments: vec!["--listen".to_owned(), format!("ws://127.0.0.1:{web}")],
        ..Options::default()
    };
    with_broker(options, |broker| {
        let urls = [
            format!("tcp://127.0.0.1:{}", broker.port),
            format!("ws://127.0.0.1:{web}/mqtt"),
        ];
        for url in &urls {
            for (version, qos) in [("31", "0"), ("311", "1"), ("5", "2")] {
                let mut tool = paho_subscriber(broker, url, version, qos)?;
                let message = format!("{version} at {qos}");
                let arguments = [
                    "-c", url, "-V", version, "-q", qos, "-t", "c/x", "-m", &message,
                ];
                run_well("paho_c_pub", &arguments)?;
                ensure!(payload(&mut tool)? == message, "{url} {message}");
            }
        }
        Ok(())
    })
}
