//! The broker's configuration file: what the resource says in `config`, and what the operator knows about
//! addresses and files.

use serde_json::Value;
use toml::Table;

use super::volumes::{self, DATA_DIRECTORY};
use crate::names::{ADMIN_PORT, HTTP_PORT, PEERS_PORT};
use crate::validate::{Certificate, ValidListener, ValidatedCluster};

const HEAD: &str =
    "# Written by quorate-operator from the MqttCluster; changes here are put right.\n";

/// The file as TOML.
pub(super) fn build(cluster: &ValidatedCluster) -> String {
    let wanted = serde_json::to_value(&cluster.config).unwrap_or_default();
    let mut table = table(&wanted);
    table.entry("log_format").or_insert_with(|| "json".into());
    set(&mut table, "data", DATA_DIRECTORY);
    set(&mut table, "http", any(HTTP_PORT));
    let listeners: Vec<String> = cluster.listeners.iter().map(url).collect();
    table.insert("listen".to_owned(), listeners.into());
    service(&mut table, "peers", PEERS_PORT);
    service(&mut table, "admin", ADMIN_PORT);
    let auth = inner(&mut table, "auth");
    auth.insert("allow_anonymous".to_owned(), cluster.anonymous.into());
    if let Some(users) = &cluster.users {
        set(
            auth,
            "password_file",
            format!("{}/{}", volumes::USERS, users.key),
        );
    }
    format!("{HEAD}{table}")
}

/// JSON in the resource's spelling as TOML in the broker's: camelCase becomes snake_case; what is not given
/// is left out.
fn table(value: &Value) -> Table {
    let mut table = Table::new();
    for (key, value) in value.as_object().into_iter().flatten() {
        let value: toml::Value = match value {
            Value::Object(_) => match self::table(value) {
                inner if inner.is_empty() => continue,
                inner => inner.into(),
            },
            Value::String(text) => text.as_str().into(),
            Value::Bool(yes) => (*yes).into(),
            Value::Number(number) => match number.as_i64() {
                Some(number) => number.into(),
                None => continue,
            },
            Value::Null | Value::Array(_) => continue,
        };
        table.insert(snake(key), value);
    }
    table
}

fn snake(key: &str) -> String {
    let mut text = String::with_capacity(key.len() + 4);
    for letter in key.chars() {
        if letter.is_ascii_uppercase() {
            text.push('_');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}

fn url(listener: &ValidListener) -> String {
    let address = format!("{}://{}", listener.scheme(), any(listener.port));
    match &listener.certificate {
        Certificate::None => address,
        Certificate::Ours(_) | Certificate::Secret(_) => {
            let files = volumes::listener_files(listener);
            format!("{address}?cert={files}/tls.crt&key={files}/tls.key")
        }
    }
}

/// A service between nodes, with TLS on both sides.
fn service(table: &mut Table, name: &str, port: u16) {
    let inner = inner(table, name);
    set(inner, "listen", any(port));
    for (key, file) in [("cert", ".crt"), ("key", ".key"), ("ca", "-ca.crt")] {
        set(inner, key, format!("{}/{name}{file}", volumes::NODE_TLS));
    }
}

fn any(port: u16) -> String {
    format!("0.0.0.0:{port}")
}

fn set(table: &mut Table, key: &str, value: impl Into<String>) {
    table.insert(key.to_owned(), value.into().into());
}

/// The table of that name within another one.
fn inner<'a>(table: &'a mut Table, name: &str) -> &'a mut Table {
    let entry = table.entry(name).or_insert_with(|| Table::new().into());
    if !entry.is_table() {
        *entry = Table::new().into();
    }
    entry.as_table_mut().expect("it is a table, see above")
}
