//! What a key's value may be, and how text or TOML becomes one. Knows no key by name.

use std::net::SocketAddr;
use std::path::PathBuf;

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
    /// See [`Kind::Text`] and [`Kind::Choice`].
    Text(String),
    /// See [`Kind::Path`].
    Path(PathBuf),
    /// See [`Kind::Address`]; `None` is off.
    Address(Option<SocketAddr>),
    /// See [`Kind::Listeners`]; the URLs are parsed by `listener`.
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
                "a list of \"mqtt://IP:PORT\" and \"mqtts://IP:PORT?cert=FILE&key=FILE\"".to_owned()
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
            Self::Listeners => {
                let urls = value
                    .as_array()?
                    .iter()
                    .map(|url| url.as_str().map(str::to_owned));
                urls.collect::<Option<Vec<_>>>()
                    .filter(|urls| !urls.is_empty())
                    .map(Value::List)
            }
            Self::Text | Self::Path | Self::Choice(_) | Self::Address => {
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
            Self::Listeners => Some(Value::List(
                text.split(',').map(|url| url.trim().to_owned()).collect(),
            )),
        }
    }
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
