//! Who is let in, with a password file made by mosquitto's own tool.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;
use quorate_e2e::broker::{Options, with_broker};
use quorate_e2e::client::Client;
use quorate_e2e::packet::{Connect, Version};
use quorate_e2e::tool::{run, run_well};

const NOT_AUTHORIZED_V5: [u8; 2] = [0x86, 0x87];
const NOT_AUTHORIZED_V311: [u8; 2] = [4, 5];

/// A password file with alice (secret) and bob (hidden); lives as long as the directory.
fn password_file(directory: &tempfile::TempDir) -> Result<PathBuf> {
    let path = directory.path().join("passwords");
    let file = path.to_string_lossy().into_owned();
    run_well("mosquitto_passwd", &["-c", "-b", &file, "alice", "secret"])?;
    run_well("mosquitto_passwd", &["-b", &file, "bob", "hidden"])?;
    Ok(path)
}

fn options(directory: &tempfile::TempDir) -> Result<Options> {
    let path = password_file(directory)?.to_string_lossy().into_owned();
    let arguments = vec!["--password-file".to_owned(), path];
    Ok(Options {
        anonymous: false,
        arguments,
        ..Options::default()
    })
}

fn login(user: &str, password: &str) -> Connect {
    let login = Some((user.to_owned(), password.to_owned()));
    Connect {
        login,
        ..Connect::new("guest")
    }
}

fn code(port: u16, connect: &Connect) -> Result<u8> {
    Ok(Client::open(Client::dial(port)?, connect)?.1)
}

#[test]
fn a_wrong_password_is_refused_and_the_right_one_is_not() -> Result<()> {
    let directory = tempfile::tempdir()?;
    with_broker(options(&directory)?, |broker| {
        assert_eq!(code(broker.port, &login("alice", "secret"))?, 0);
        assert_eq!(code(broker.port, &login("bob", "hidden"))?, 0);
        for wrong in [
            login("alice", "hidden"),
            login("carol", "secret"),
            login("alice", ""),
            Connect::new("guest"),
        ] {
            let refused = code(broker.port, &wrong)?;
            assert!(
                NOT_AUTHORIZED_V5.contains(&refused),
                "{refused:#04x} for {wrong:?}"
            );
            let refused = code(broker.port, &wrong.version(Version::V311))?;
            assert!(NOT_AUTHORIZED_V311.contains(&refused), "{refused}");
        }
        Ok(())
    })
}

#[test]
fn mosquitto_pub_is_told_why_it_may_not_publish() -> Result<()> {
    let directory = tempfile::tempdir()?;
    with_broker(options(&directory)?, |broker| {
        let port = broker.port.to_string();
        let message = ["-p", &port, "-q", "1", "-t", "t", "-m", "m"];
        run_well(
            "mosquitto_pub",
            &[&message[..], &["-u", "alice", "-P", "secret"]].concat(),
        )?;
        for wrong in [&["-u", "alice", "-P", "wrong"][..], &[]] {
            let output = run("mosquitto_pub", &[&message[..], wrong].concat())?;
            assert!(!output.status.success());
            let said = String::from_utf8_lossy(&output.stderr).to_lowercase();
            let reasons = ["not authori", "bad user name or password"];
            assert!(reasons.iter().any(|reason| said.contains(reason)), "{said}");
        }
        Ok(())
    })
}

#[test]
fn verifying_passwords_does_not_hold_up_those_who_are_in() -> Result<()> {
    let directory = tempfile::tempdir()?;
    with_broker(options(&directory)?, |broker| {
        let port = broker.port;
        let mut inside = Client::connect(port, &login("alice", "secret"))?;
        let guess = move |number: u32| {
            let wrong = Connect {
                client_id: format!("g{number}"),
                ..login("bob", &number.to_string())
            };
            code(port, &wrong)
        };
        let guessers: Vec<_> = (0..30)
            .map(|number| std::thread::spawn(move || guess(number)))
            .collect();
        let mut pings = Vec::new();
        while pings.len() < 20 || guessers.iter().any(|guesser| !guesser.is_finished()) {
            let sent = Instant::now();
            inside.ping()?;
            pings.push(sent.elapsed());
        }
        pings.sort();
        let median = pings[pings.len() / 2];
        assert!(
            median.as_millis() < 20,
            "a ping takes {median:?} while passwords are verified"
        );
        Ok(())
    })
}
