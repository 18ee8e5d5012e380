//! Logging: set up once, for people or for collectors. Everything goes to standard error, so that what a
//! command prints on standard output stays its own.

use tracing_subscriber::EnvFilter;

use crate::config::{Config, LogFormat, key};

/// The log filter cannot be understood.
#[derive(Debug, thiserror::Error)]
#[error(
    "log = {filter:?} is not allowed ({source}); allowed is error, warn, info, debug, trace, or a list such as \"info,quorate_node::front_door=debug\" (file, {variable})"
)]
pub struct TelemetryError {
    filter: String,
    variable: String,
    source: tracing_subscriber::filter::ParseError,
}

/// Starts logging as the configuration says.
///
/// # Errors
/// The filter cannot be understood.
pub fn start(config: &Config) -> Result<(), TelemetryError> {
    let filter = EnvFilter::builder()
        .parse(&config.log)
        .map_err(|source| TelemetryError {
            filter: config.log.clone(),
            variable: key::find("log").map_or_else(String::new, key::Key::variable),
            source,
        })?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // A second start, as in tests, leaves the first one's logging in place.
    let _ = match config.log_format {
        LogFormat::Human => {
            let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
            builder.with_ansi(is_terminal).with_target(false).try_init()
        }
        LogFormat::Json => builder.json().try_init(),
    };
    Ok(())
}
