//! What the resource refers to: Secrets with users and certificates.

use std::collections::BTreeMap;

use super::{Problem, Surroundings};
use crate::crd::{MqttClusterSpec, Protocol, UsersSecret};
use crate::tls;

pub(super) fn check(spec: &MqttClusterSpec, around: &Surroundings, problems: &mut Vec<Problem>) {
    match &spec.auth.users_secret {
        Some(users) => check_users(users, around, problems),
        None if !spec.auth.anonymous => problems.push(Problem::new(
            "NobodyCanLogIn",
            "Nobody could log in: name a Secret with users in auth.usersSecret, or set auth.anonymous to true to let everybody in.",
        )),
        None => {}
    }
    for listener in &spec.listeners {
        let secret = listener
            .tls
            .as_ref()
            .and_then(|tls| tls.secret_name.as_ref());
        if let (Protocol::Mqtts, Some(secret)) = (listener.protocol, secret) {
            check_certificate(&listener.name, secret, around, problems);
        }
    }
}

/// A line of a password file is at most this long; a file has at most this many broken lines told.
const TOLD_LINES_MAX: usize = 1;

fn check_users(users: &UsersSecret, around: &Surroundings, problems: &mut Vec<Problem>) {
    let UsersSecret { name, key } = users;
    let Some(data) = around.secrets.get(name) else {
        problems.push(Problem::new(
            "UsersSecretMissing",
            format!("The Secret {name} with the users does not exist; make it in this namespace: mosquitto_passwd -c {key} USER writes the file, kubectl create secret generic {name} --from-file={key} the Secret."),
        ));
        return;
    };
    let Some(file) = data.get(key) else {
        problems.push(Problem::new(
            "UsersKeyMissing",
            format!("The Secret {name} has no key {key}; {}.", keys(data)),
        ));
        return;
    };
    let text = String::from_utf8_lossy(file);
    let lines = text.lines().enumerate();
    let is_wrong = |line: &str| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with('#') && !line.contains(":$")
    };
    for (index, _) in lines
        .filter(|(_, line)| is_wrong(line))
        .take(TOLD_LINES_MAX)
    {
        problems.push(Problem::new(
            "UsersNotHashed",
            format!(
                "Line {} of {key} in the Secret {name} is no user with a password hash; mosquitto_passwd writes such lines.",
                index + 1
            ),
        ));
    }
}

fn check_certificate(
    listener: &str,
    secret: &str,
    around: &Surroundings,
    problems: &mut Vec<Problem>,
) {
    let Some(data) = around.secrets.get(secret) else {
        problems.push(Problem::new(
            "CertificateSecretMissing",
            format!("The Secret {secret} with the certificate of listener {listener} does not exist. Make it with kubectl create secret tls {secret} --cert=FILE --key=FILE, or remove tls.secretName to have one made."),
        ));
        return;
    };
    if let Err(error) = tls::inspect(data, around.now) {
        problems.push(Problem::new(
            "CertificateUnusable",
            format!("The Secret {secret} with the certificate of listener {listener} {error}. Put a right one there, or remove tls.secretName to have one made."),
        ));
    }
}

fn keys(data: &BTreeMap<String, Vec<u8>>) -> String {
    let keys: Vec<&str> = data.keys().map(String::as_str).collect();
    if keys.is_empty() {
        "it is empty".to_owned()
    } else {
        format!("it has {}", keys.join(", "))
    }
}
