//! What the process says when it starts, refuses to start, and ends.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, Result};
use quorate_e2e::broker::{Broker, Options, binary, with_broker};
use quorate_e2e::client::Client;
use quorate_e2e::packet::{Connect, Version};
use quorate_e2e::tool::{Tool, run_well};
use quorate_e2e::{http, port, process, wait};

/// Runs the binary, which must come to an end by itself.
fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Result<Output> {
    let mut command = Command::new(binary()?);
    command
        .args(arguments)
        .envs(environment.iter().copied())
        .stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    process::end(&mut child)?;
    Ok(child.wait_with_output()?)
}

/// What a run that must fail says.
fn refusal(arguments: &[&str], environment: &[(&str, &str)]) -> Result<String> {
    let output = run(arguments, environment)?;
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success(),
        "{arguments:?} did not fail: {said}"
    );
    assert!(!said.contains("panicked"), "{said}");
    Ok(said.into_owned())
}

#[test]
fn sigterm_ends_it_cleanly_and_tells_the_clients() -> Result<()> {
    with_broker(Options::default(), |broker| {
        let mut client = Client::connect(broker.port, &Connect::new("c"))?;
        client.ping()?;
        let status = broker.terminate()?;
        assert!(status.success(), "{status}");
        let reason = client.closed(wait::PATIENCE)?;
        assert_eq!(reason, Some(0x8b), "Server shutting down");
        Ok(())
    })
}

#[test]
fn health_says_that_it_lives_and_is_ready() -> Result<()> {
    with_broker(Options::default(), |broker| {
        for path in ["/livez", "/readyz"] {
            assert_eq!(http::get(broker.http_port, path)?.0, 200, "{path}");
        }
        assert_eq!(http::get(broker.http_port, "/nothing")?.0, 404);
        Ok(())
    })
}

#[test]
fn a_data_directory_in_use_is_refused() -> Result<()> {
    with_broker(Options::default(), |broker| {
        let data = broker.data().display().to_string();
        let said = refusal(
            &[
                "serve",
                "--allow-anonymous",
                "--data",
                &data,
                "--listen",
                "mqtt://127.0.0.1:1",
            ],
            &[],
        )?;
        assert!(said.contains("in use") && said.contains(&data), "{said}");
        Ok(())
    })
}

#[test]
fn a_data_directory_of_a_newer_format_is_refused() -> Result<()> {
    with_broker(Options::default(), |broker| {
        broker.terminate()?;
        let path = format_file(broker)?;
        let text = fs::read_to_string(&path)?;
        let newer = text.replacen('1', "999", 1);
        fs::write(&path, newer)?;
        broker.launch()?;
        let status = broker.ended()?;
        assert!(!status.success());
        let log = broker.log();
        assert!(log.contains("999") && log.contains("newer"), "{log}");
        Ok(())
    })
}

/// The small text file of the data directory that carries the format version.
fn format_file(broker: &Broker) -> Result<PathBuf> {
    let files = fs::read_dir(broker.data())?.filter_map(|entry| Some(entry.ok()?.path()));
    let says_format = |path: &PathBuf| {
        path.is_file() && fs::read_to_string(path).is_ok_and(|text| text.contains("format"))
    };
    files
        .into_iter()
        .find(says_format)
        .context("no file says the format")
}

#[test]
fn a_restart_keeps_the_identity() -> Result<()> {
    with_broker(Options::default(), |broker| {
        broker.terminate()?;
        let before = fs::read(format_file(broker)?)?;
        broker.restart()?;
        assert_eq!(fs::read(format_file(broker)?)?, before);
        Ok(())
    })
}

#[test]
fn errors_of_the_configuration_name_key_value_and_what_is_allowed() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let data = directory.path().join("data").display().to_string();
    let file = directory.path().join("quorate.toml");
    let config = file.display().to_string();
    let serve = [
        "serve",
        "--allow-anonymous",
        "--data",
        &data,
        "--config",
        &config,
    ];
    for (text, words) in [
        ("workers = 0", ["workers", "0", "1"]),
        ("wrokers = 2", ["wrokers", "2", "workers"]),
        (
            "listen = [\"http://127.0.0.1:1\"]",
            ["listen", "http://127.0.0.1:1", "mqtt"],
        ),
        (
            "[limits]\nreceive_maximum = 70000",
            ["limits.receive_maximum", "70000", "65535"],
        ),
    ] {
        fs::write(&file, text)?;
        let said = refusal(&serve, &[])?;
        for word in words {
            assert!(
                said.replace(['_', ','], "")
                    .contains(&word.replace('_', "")),
                "{text}: no {word} in {said}"
            );
        }
    }
    Ok(())
}

#[test]
fn flags_are_over_the_environment_and_that_over_the_file() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("quorate.toml");
    fs::write(
        &file,
        "workers = 3\nlog = \"debug\"\n[limits]\nreceive_maximum = 77\n",
    )?;
    let data = directory.path().join("data").display().to_string();
    let config = file.display().to_string();
    let print = [
        "serve",
        "--allow-anonymous",
        "--data",
        &data,
        "--config",
        &config,
        "--print-config",
    ];
    let environment = [("QUORATE_WORKERS", "4"), ("QUORATE_LOG", "warn")];
    let output = run(&[&print[..], &["--workers", "5"]].concat(), &environment)?;
    let said = String::from_utf8_lossy(&output.stdout);
    for line in ["workers = 5", "log = \"warn\"", "receive_maximum = 77"] {
        assert!(
            said.lines().any(|found| found.starts_with(line)),
            "no {line} in {said}"
        );
    }
    Ok(())
}

#[test]
fn nobody_gets_in_without_users_unless_asked_for() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let data = directory.path().join("data").display().to_string();
    let said = refusal(
        &["serve", "--data", &data, "--listen", "mqtt://127.0.0.1:1"],
        &[],
    )?;
    assert!(
        said.contains("--allow-anonymous") && said.contains("password"),
        "{said}"
    );
    Ok(())
}

#[test]
fn dev_starts_a_broker_on_loopback_and_says_what_to_try() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let data = directory.path().join("data").display().to_string();
    let port = port::free()?;
    let text = port.to_string();
    let binary = binary()?.display().to_string();
    let one = ["dev", "--nodes", "1", "--data", &data, "--base-port", &text];
    let mut dev = Tool::spawn(&binary, &one)?;
    wait::until("the broker to answer", wait::PATIENCE, || {
        Client::connect(port, &Connect::new("c").version(Version::V311)).ok()
    })?;
    let subscribe = readme_command("mosquitto_sub", &text)?;
    let mut subscriber = Tool::spawn("mosquitto_sub", &subscribe)?;
    let publish = readme_command("mosquitto_pub", &text)?;
    let publish: Vec<&str> = publish.iter().map(String::as_str).collect();
    let line = wait::until("the message", wait::PATIENCE, || {
        run_well("mosquitto_pub", &publish).ok()?;
        subscriber.line_within(std::time::Duration::from_millis(300))
    })?;
    assert_eq!(line, "temp 22.5");
    let mut said = String::new();
    while !said.contains("mosquitto_sub") || !said.contains(&text) {
        said += &dev.line()?;
    }
    Ok(())
}

/// The arguments of a command as the README has it, on another port.
fn readme_command(program: &str, port: &str) -> Result<Vec<String>> {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let text = fs::read_to_string(readme)?;
    let commands = text.lines().filter_map(|line| line.split(" # ").next());
    let mut lines = commands.map(str::split_whitespace);
    let mut words = lines.find_map(|mut words| (words.next() == Some(program)).then_some(words));
    let words = words
        .as_mut()
        .with_context(|| format!("no {program} in the README"))?;
    let arguments = words.map(str::to_owned);
    Ok(arguments
        .chain(["-p".to_owned(), port.to_owned()])
        .collect())
}
