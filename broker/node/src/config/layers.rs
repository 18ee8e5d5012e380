//! Puts the layers together: flags over environment over file over defaults. Every value that comes out
//! is one that its key allows, together with where it came from.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::error::{ConfigError, Source};
use super::key::{self, Key};
use super::value::{Raw, Value};

/// Values of the command line, by key.
pub type Flags = Vec<(&'static Key, &'static str, Raw)>;

/// Allowed values by key name.
#[derive(Debug, Default)]
pub(super) struct Settings {
    values: BTreeMap<&'static str, (Value, Source)>,
}

impl Settings {
    /// Merges all layers. `environment` is passed in, so that tests need no global state.
    pub(super) fn load(
        file: Option<&Path>,
        environment: &dyn Fn(&str) -> Option<String>,
        flags: Flags,
    ) -> Result<Self, ConfigError> {
        let mut settings = Self::default();
        for key in key::ALL {
            if let Some(default) = key.default {
                settings.set(key, &default_value(default), Source::Default)?;
            }
        }
        if let Some(path) = file {
            settings.add_file(path)?;
        }
        for key in key::ALL {
            let variable = key.variable();
            if let Some(text) = environment(&variable) {
                settings.set(key, &Raw::Text(text), Source::Environment(variable))?;
            }
        }
        for (key, flag, raw) in flags {
            settings.set(key, &raw, Source::Flag(flag))?;
        }
        Ok(settings)
    }

    fn set(&mut self, key: &'static Key, raw: &Raw, source: Source) -> Result<(), ConfigError> {
        let Some(value) = key.kind.parse(raw) else {
            return Err(ConfigError::NotAllowed {
                name: key.name.to_owned(),
                value: raw.to_string(),
                from: source,
                allowed: key.kind.allowed(),
            });
        };
        self.values.insert(key.name, (value, source));
        Ok(())
    }

    fn add_file(&mut self, path: &Path) -> Result<(), ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        let table: toml::Table = toml::from_str(&text).map_err(|source| ConfigError::Syntax {
            path: path.to_owned(),
            source: Box::new(source),
        })?;
        let source = Source::File(path.to_owned());
        for (name, value) in table {
            let inner = value.as_table().filter(|_| is_table(&name));
            let Some(inner) = inner else {
                self.set_named(&name, value, &source)?;
                continue;
            };
            for (inner_name, value) in inner.clone() {
                self.set_named(&format!("{name}.{inner_name}"), value, &source)?;
            }
        }
        Ok(())
    }

    fn set_named(
        &mut self,
        name: &str,
        value: toml::Value,
        source: &Source,
    ) -> Result<(), ConfigError> {
        match key::find(name) {
            Some(key) => self.set(key, &Raw::Toml(value), source.clone()),
            None => Err(ConfigError::Unknown {
                name: name.to_owned(),
                value: value.to_string(),
                from: source.clone(),
                hint: hint(name),
            }),
        }
    }

    /// The value and its source; `None` when unset.
    pub(super) fn entry(&self, key: &Key) -> Option<&(Value, Source)> {
        self.values.get(key.name)
    }

    pub(super) fn source(&self, key: &Key) -> Source {
        self.entry(key)
            .map_or(Source::Default, |(_, source)| source.clone())
    }

    pub(super) fn bool(&self, key: &Key) -> bool {
        matches!(self.entry(key), Some((Value::Bool(true), _)))
    }

    pub(super) fn number(&self, key: &Key) -> Option<u64> {
        match self.entry(key) {
            Some((Value::Number(number), _)) => Some(*number),
            _ => None,
        }
    }

    /// A number of a key that has a default.
    pub(super) fn size<T: TryFrom<u64>>(&self, key: &Key) -> T {
        let number = self.number(key).expect("the key has a default");
        let Ok(size) = T::try_from(number) else {
            unreachable!("{} allows only what its type holds", key.name);
        };
        size
    }

    pub(super) fn text(&self, key: &Key) -> String {
        match self.entry(key) {
            Some((Value::Text(text), _)) => text.clone(),
            _ => String::new(),
        }
    }

    pub(super) fn path(&self, key: &Key) -> Option<PathBuf> {
        match self.entry(key) {
            Some((Value::Path(path), _)) => Some(path.clone()),
            _ => None,
        }
    }

    pub(super) fn address(&self, key: &Key) -> Option<SocketAddr> {
        match self.entry(key) {
            Some((Value::Address(address), _)) => *address,
            _ => None,
        }
    }

    pub(super) fn list(&self, key: &Key) -> &[String] {
        match self.entry(key) {
            Some((Value::List(list), _)) => list,
            _ => &[],
        }
    }
}

/// Defaults are written as they would stand in a file.
fn default_value(text: &str) -> Raw {
    let table: toml::Table = toml::from_str(&format!("value = {text}")).expect("defaults are TOML");
    Raw::Toml(table["value"].clone())
}

fn is_table(name: &str) -> bool {
    key::ALL.iter().any(|key| {
        key.name
            .split_once('.')
            .is_some_and(|(table, _)| table == name)
    })
}

/// The nearest key if it is near, else all keys of the table.
fn hint(name: &str) -> String {
    let nearest = key::ALL
        .iter()
        .map(|key| (distance(name, key.name), key.name))
        .min();
    if let Some((distance, nearest)) = nearest
        && distance <= 3
    {
        return format!("did you mean {nearest}?");
    }
    let names: Vec<&str> = key::ALL.iter().map(|key| key.name).collect();
    format!("the keys are {}", names.join(", "))
}

/// Edit distance; names are short.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let substitute = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substitute.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
