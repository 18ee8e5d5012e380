//! Why there is no valid configuration: each sentence names the key, the value, where it came from and
//! what is allowed.

use std::path::PathBuf;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The key's default.
    Default,
    /// The configuration file.
    File(PathBuf),
    /// An environment variable.
    Environment(String),
    /// A flag of the command line.
    Flag(&'static str),
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => f.write_str("the default"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// See the module.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("configuration file {path} cannot be read: {source}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("configuration file {path} is not valid TOML: {source}", path = path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// The file has a key that does not exist.
    #[error("unknown key {name} = {value} (from {from}); {hint}")]
    Unknown {
        /// As it stands in the file.
        name: String,
        /// As it stands in the file.
        value: String,
        /// The file.
        from: Source,
        /// The nearest key, or all keys.
        hint: String,
    },
    /// A value is not what its key allows.
    #[error("{name} = {value} (from {from}) is not allowed; allowed is {allowed}")]
    NotAllowed {
        /// The key.
        name: String,
        /// The value.
        value: String,
        /// Where it came from.
        from: Source,
        /// What would be allowed.
        allowed: String,
    },
    /// A key without a default is not set.
    #[error("{name} is not set; {hint}")]
    Missing {
        /// The key.
        name: &'static str,
        /// How to set it.
        hint: &'static str,
    },
}
