//! A full disk: what needs it is refused with *Quota exceeded*, the rest goes on, and service returns
//! with room. Needs a small file system of its own, so root; elsewhere it says why it did nothing.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};
use quorate_e2e::broker::{Broker, Options, with_broker};
use quorate_e2e::client::Client;
use quorate_e2e::packet::Connect;
use quorate_e2e::wait;
use tempfile::TempDir;

const QUOTA_EXCEEDED: u8 = 0x97;

/// A tmpfs that is unmounted when dropped.
struct SmallDisk {
    directory: TempDir,
}

impl SmallDisk {
    /// Nothing when mounting is not permitted.
    fn mount(mebibytes: u32) -> Result<Option<Self>> {
        let directory = tempfile::tempdir()?;
        let size = format!("size={mebibytes}m");
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(directory.path());
        match mount.output() {
            Ok(output) if output.status.success() => Ok(Some(Self { directory })),
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                println!("SKIPPED, a tmpfs cannot be mounted here: {said}");
                Ok(None)
            }
            Err(error) => {
                println!("SKIPPED, no mount command: {error}");
                Ok(None)
            }
        }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Fills it to the last block.
    fn fill(&self) -> Result<PathBuf> {
        let path = self.path().join("filler");
        let mut file = File::create(&path)?;
        for size in [1 << 20, 1 << 12, 1] {
            while file.write_all(&vec![1; size]).is_ok() {}
        }
        Ok(path)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Nothing better can be done about a failure here.
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

fn options(disk: &SmallDisk) -> Options {
    let limit = |key: &str, bytes: u64| (format!("QUORATE_STORAGE_{key}"), bytes.to_string());
    Options {
        data: Some(disk.path().join("data")),
        environment: vec![
            limit("SEGMENT_BYTES", 1 << 20),
            limit("LOG_BYTES_MAX", 64 << 20),
        ],
        ..Options::default()
    }
}

#[test]
fn a_full_disk_refuses_what_needs_it_and_nothing_else() -> Result<()> {
    let Some(disk) = SmallDisk::mount(48)? else {
        return Ok(());
    };
    with_broker(options(&disk), |broker| {
        let mut sleeper = Client::connect(broker.port, &Connect::persistent("sleeper"))?;
        sleeper.subscribe("durable", 1)?;
        sleeper.disconnect()?;
        let mut live = Client::connect(broker.port, &Connect::new("live"))?;
        live.subscribe("live", 1)?;
        let mut publisher = Client::connect(broker.port, &Connect::new("publisher"))?;

        let filler = disk.fill()?;
        let mut acknowledged = 0;
        let refused = loop {
            ensure!(acknowledged < 10_000, "a full disk is never noticed");
            let code = publisher.publish("durable", payload(acknowledged), 1)?;
            if code >= 0x80 {
                break code;
            }
            acknowledged += 1;
        };
        assert_eq!(refused, QUOTA_EXCEEDED);
        assert_eq!(publisher.publish("durable", payload(0), 2)?, QUOTA_EXCEEDED);
        assert_eq!(publisher.retain("kept", payload(0), 1)?, QUOTA_EXCEEDED);
        for (qos, text) in [(0, "QoS 0 goes on"), (1, "and so do clean sessions")] {
            assert_eq!(publisher.publish("live", text, qos)?, 0);
            assert_eq!(live.receive()?.text(), text);
        }

        fs::remove_file(filler)?;
        wait::until("service to return", wait::PATIENCE, || {
            let code = publisher
                .publish("durable", payload(acknowledged), 1)
                .ok()?;
            (code < 0x80).then_some(())
        })?;
        acknowledged += 1;
        broker.kill()?;
        broker.restart()?;
        let mut sleeper = Client::connect(broker.port, &Connect::persistent("sleeper"))?;
        for number in 0..acknowledged {
            let message = sleeper.receive()?;
            assert_eq!(
                message.payload,
                payload(number),
                "message {number} of {acknowledged}"
            );
        }
        Ok(())
    })
}

#[test]
fn a_node_that_finds_its_disk_full_says_so_and_starts_when_there_is_room() -> Result<()> {
    let Some(disk) = SmallDisk::mount(48)? else {
        return Ok(());
    };
    let filler = disk.fill()?;
    let mut broker = Broker::prepare(options(&disk))?;
    broker.launch()?;
    wait::until("the log to speak of room", wait::PATIENCE, || {
        broker.log().contains("no room").then_some(())
    })?;
    fs::remove_file(filler)?;
    broker.ready()?;
    Client::connect(broker.port, &Connect::new("c"))?.ping()
}

/// Tells messages apart and fills the log quickly.
fn payload(number: u32) -> Vec<u8> {
    number.to_be_bytes().repeat(2048)
}
