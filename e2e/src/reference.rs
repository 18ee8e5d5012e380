//! Debian's mosquitto in the place of our broker: `QUORATE_BIN=/usr/sbin/mosquitto` runs the tests that
//! are about MQTT against it, which tests the tests.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::broker::Options;

/// Whether the binary under test is the reference.
pub fn is_it(binary: &Path) -> bool {
    binary.file_name().is_some_and(|name| name == "mosquitto")
}

/// How it is started with what of our options it knows.
///
/// # Errors
/// When its configuration cannot be written.
pub fn command(binary: &Path, directory: &Path, port: u16, options: &Options) -> Result<Command> {
    let mut lines = vec![
        format!("listener {port} 127.0.0.1"),
        format!("allow_anonymous {}", options.anonymous),
        "max_queued_messages 0".to_owned(),
        "persistence true".to_owned(),
        "max_inflight_messages 0".to_owned(),
        format!("persistence_location {}/", directory.display()),
        "user root".to_owned(),
    ];
    let file = options
        .arguments
        .iter()
        .skip_while(|argument| *argument != "--password-file");
    lines.extend(
        file.skip(1)
            .take(1)
            .map(|path| format!("password_file {path}")),
    );
    let path = directory.join("mosquitto.conf");
    fs::write(&path, lines.join("\n"))?;
    let mut command = Command::new(binary);
    command.arg("-c").arg(path);
    Ok(command)
}
