//! What a key's value may be, and how text or TOML becomes one. Knows no key by name.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use super::network::Network;

/// What a key allows.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// A whole number, both ends included.
    Number {
        /// Smallest.
        min: u64,
        /// Largest.
        max: u64,
    },
    /// A number of bytes, also as text with a unit (`"64KiB"`), both ends included.
    Bytes {
        /// Smallest.
        min: u64,
        /// Largest.
        max: u64,
    },
    /// Any text that is not empty.
    Text,
    /// A path that is not empty.
    Path,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// `IP:PORT`, or `off`.
    Address,
    /// Listener URLs; in text separated by commas.
    Listeners,
    /// A host name or IP address, without a port.
    Host,
    /// `HOST:PORT` addresses that may be names; in text separated by commas.
    Hosts,
    /// Networks such as `10.0.0.0/8`; in text separated by commas.
    Networks,
}

/// A value as it came: from a TOML file, or as text from the environment or a flag.
#[derive(Debug, Clone)]
pub enum Raw {
    /// From a file.
    Toml(toml::Value),
    /// From the environment or a flag.
    Text(String),
}

/// A value that its key allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// See [`Kind::Bool`].
    Bool(bool),
    /// See [`Kind::Number`] and [`Kind::Bytes`].
    Number(u64),
    /// See [`Kind::Text`], [`Kind::Choice`] and [`Kind::Host`].
    Text(String),
    /// See [`Kind::Path`].
    Path(PathBuf),
    /// See [`Kind::Address`]; `None` is off.
    Address(Option<SocketAddr>),
    /// See [`Kind::Hosts`], [`Kind::Networks`], and [`Kind::Listeners`], whose URLs are parsed by `listener`.
    List(Vec<String>),
}

impl Kind {
    /// What is allowed, as the end of the sentence "… is not allowed; allowed is …".
    pub fn allowed(self) -> String {
        match self {
            Self::Bool => "true or false".to_owned(),
            Self::Number { min, max } => format!("a whole number from {min} to {max}"),
            Self::Bytes { min, max } => {
                format!(
                    "a number of bytes from {min} to {max}, or text such as \"64KiB\" or \"1MiB\""
                )
            }
            Self::Text => "text that is not empty".to_owned(),
            Self::Path => "a path that is not empty".to_owned(),
            Self::Choice(words) => format!("one of \"{}\"", words.join("\", \"")),
            Self::Address => "\"IP:PORT\" such as \"127.0.0.1:9883\", or \"off\"".to_owned(),
            Self::Listeners => {
                "a list of \"mqtt://IP:PORT\", \"mqtts://IP:PORT?cert=FILE&key=FILE\", \"ws://IP:PORT\", \"wss://IP:PORT?cert=FILE&key=FILE\" and \"unix:PATH\"".to_owned()
            }
            Self::Host => "a host name or an IP address, without a port".to_owned(),
            Self::Hosts => {
                "a list of \"HOST:PORT\" such as \"node-1.example:7883\" or \"127.0.0.1:7883\""
                    .to_owned()
            }
            Self::Networks => {
                "a list of networks such as \"10.0.0.0/8\", \"fd00::/8\" or \"192.0.2.7\"".to_owned()
            }
        }
    }

    /// The value, or `None` if it is not allowed.
    pub fn parse(self, raw: &Raw) -> Option<Value> {
        match raw {
            Raw::Toml(toml) => self.parse_toml(toml),
            Raw::Text(text) => self.parse_text(text.trim()),
        }
    }

    fn parse_toml(self, value: &toml::Value) -> Option<Value> {
        match self {
            Self::Bool => value.as_bool().map(Value::Bool),
            Self::Number { min, max } => in_range(value.as_integer()?.try_into().ok()?, min, max),
            Self::Bytes { min, max } => match value.as_str() {
                Some(text) => in_range(bytes(text)?, min, max),
                None => in_range(value.as_integer()?.try_into().ok()?, min, max),
            },
            Self::Listeners | Self::Hosts | Self::Networks => {
                let texts = value
                    .as_array()?
                    .iter()
                    .map(|text| text.as_str().map(str::to_owned));
                texts
                    .collect::<Option<Vec<_>>>()
                    .filter(|texts| !texts.is_empty())
                    .and_then(|texts| self.check_list(texts))
            }
            Self::Text | Self::Path | Self::Choice(_) | Self::Address | Self::Host => {
                self.parse_text(value.as_str()?)
            }
        }
    }

    fn parse_text(self, text: &str) -> Option<Value> {
        if text.is_empty() {
            return None;
        }
        match self {
            Self::Bool => text.parse().ok().map(Value::Bool),
            Self::Number { min, max } => in_range(text.parse().ok()?, min, max),
            Self::Bytes { min, max } => in_range(bytes(text)?, min, max),
            Self::Text => Some(Value::Text(text.to_owned())),
            Self::Path => Some(Value::Path(text.into())),
            Self::Choice(words) => words.contains(&text).then(|| Value::Text(text.to_owned())),
            Self::Address if text == "off" => Some(Value::Address(None)),
            Self::Address => text
                .parse()
                .ok()
                .map(|address| Value::Address(Some(address))),
            Self::Host => is_host(text).then(|| Value::Text(text.to_owned())),
            Self::Listeners | Self::Hosts | Self::Networks => {
                self.check_list(text.split(',').map(|part| part.trim().to_owned()).collect())
            }
        }
    }

    fn check_list(self, texts: Vec<String>) -> Option<Value> {
        let is_allowed = |text: &String| {
            (!matches!(self, Self::Hosts) || is_host_and_port(text))
                && (!matches!(self, Self::Networks) || text.parse::<Network>().is_ok())
        };
        texts.iter().all(is_allowed).then_some(Value::List(texts))
    }
}

/// Something to dial without a port: no URL, no path, no port behind a name.
pub(crate) fn is_host(text: &str) -> bool {
    let is_name = |text: &str| {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        !text.is_empty() && text.chars().all(is_allowed)
    };
    text.parse::<IpAddr>().is_ok() || is_name(text)
}

/// `HOST:PORT`, an IPv6 address in brackets.
pub(crate) fn is_host_and_port(text: &str) -> bool {
    if text.parse::<SocketAddr>().is_ok() {
        return true;
    }
    let Some((host, port)) = text.rsplit_once(':') else {
        return false;
    };
    let has_port = port.parse::<u16>().is_ok_and(|port| port != 0);
    has_port && !host.contains(':') && is_host(host)
}

fn in_range(number: u64, min: u64, max: u64) -> Option<Value> {
    (min..=max)
        .contains(&number)
        .then_some(Value::Number(number))
}

/// `65536`, `64KiB`, `1MiB`, `2GiB`.
fn bytes(text: &str) -> Option<u64> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let unit = match text[digits..].trim() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    text[..digits].parse::<u64>().ok()?.checked_mul(unit)
}

/// For the printed configuration and for errors: as it would stand in a file.
impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(value) => write!(f, "{value}"),
            Self::Text(value) => write!(f, "{}", toml::Value::from(value.as_str())),
            Self::Path(value) => {
                write!(f, "{}", toml::Value::from(value.to_string_lossy().as_ref()))
            }
            Self::Address(None) => f.write_str("\"off\""),
            Self::Address(Some(value)) => write!(f, "\"{value}\""),
            Self::List(values) => write!(f, "{}", toml::Value::from(values.clone())),
        }
    }
}

impl std::fmt::Display for Raw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Toml(value) => write!(f, "{value}"),
            Self::Text(text) => write!(f, "{}", toml::Value::from(text.as_str())),
        }
    }
}
