//! Tests of the configuration: precedence, and the sentences of its errors.

use std::collections::HashMap;
use std::path::Path;

use super::*;

mod cluster;

/// Loads with a file's text, an environment and flags.
fn load(
    file: &str,
    environment: &[(&str, &str)],
    flags: &[(&str, &str)],
) -> Result<Config, String> {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("quorate.toml");
    std::fs::write(&path, file).unwrap();
    load_path(&path, environment, flags)
}

fn load_path(
    path: &Path,
    environment: &[(&str, &str)],
    flags: &[(&str, &str)],
) -> Result<Config, String> {
    let config = Config::load_with(Some(path), &lookup(environment), to_flags(flags));
    config.map_err(|error| error.to_string())
}

fn print(file: &str, environment: &[(&str, &str)]) -> String {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("quorate.toml");
    std::fs::write(&path, file).unwrap();
    Config::print(Some(&path), &lookup(environment), Flags::new()).unwrap()
}

fn lookup(environment: &[(&str, &str)]) -> impl Fn(&str) -> Option<String> {
    let environment: HashMap<_, _> = environment
        .iter()
        .map(|&(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    move |name| environment.get(name).cloned()
}

fn to_flags(flags: &[(&str, &str)]) -> Flags {
    let to_flag = |(name, value): &(&str, &str)| {
        (
            key::find(name).unwrap(),
            "--flag",
            Raw::Text((*value).to_owned()),
        )
    };
    flags.iter().map(to_flag).collect()
}

/// What every valid configuration needs.
const MINIMUM: &str = "data = \"d\"\nauth.allow_anonymous = true\n";

#[test]
fn flags_win_over_environment_over_file_over_defaults() {
    let file = format!("{MINIMUM}workers = 2\n[limits]\nwindow_max = 7\nreceive_maximum = 8\n");
    let environment = [
        ("QUORATE_LIMITS_WINDOW_MAX", "70"),
        ("QUORATE_LIMITS_RECEIVE_MAXIMUM", "80"),
    ];
    let flags = [("limits.receive_maximum", "800")];
    let config = load(&file, &environment, &flags).unwrap();
    assert_eq!(config.limits.connections_max, 100_000);
    assert_eq!(config.workers, 2);
    assert_eq!(config.limits.window_max, 70);
    assert_eq!(config.limits.receive_maximum.get(), 800);
}

#[test]
fn a_wrong_value_is_named_with_its_source_and_what_is_allowed() {
    let many = load(&format!("{MINIMUM}limits.window_max = \"many\""), &[], &[]).unwrap_err();
    assert!(
        many.contains("limits.window_max = \"many\" (from file "),
        "{many}"
    );
    assert!(
        many.contains("quorate.toml) is not allowed; allowed is a whole number from 1 to 65535"),
        "{many}"
    );
    let zero = load(MINIMUM, &[("QUORATE_WORKERS", "0")], &[]).unwrap_err();
    assert!(
        zero.contains("workers = \"0\" (from environment variable QUORATE_WORKERS)"),
        "{zero}"
    );
    let http = load(MINIMUM, &[], &[("http", "9883")]).unwrap_err();
    assert!(
        http.contains("(from flag --flag)") && http.contains("127.0.0.1:9883"),
        "{http}"
    );
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest_one() {
    let near = load(&format!("{MINIMUM}[limits]\nconection_max = 5\n"), &[], &[]).unwrap_err();
    assert!(
        near.contains("unknown key limits.conection_max = 5"),
        "{near}"
    );
    assert!(
        near.contains("did you mean limits.connections_max?"),
        "{near}"
    );
    let far = load(&format!("{MINIMUM}[colours]\nsky = \"blue\"\n"), &[], &[]).unwrap_err();
    assert!(
        far.contains("colours") && far.contains("the keys are data, listen"),
        "{far}"
    );
}

#[test]
fn a_file_that_is_missing_or_no_toml_is_named() {
    let missing = load_path(Path::new("/nowhere/quorate.toml"), &[], &[]).unwrap_err();
    assert!(
        missing.contains("/nowhere/quorate.toml cannot be read"),
        "{missing}"
    );
    let broken = load("data = ", &[], &[]).unwrap_err();
    assert!(
        broken.contains("is not valid TOML") && broken.contains("line 1"),
        "{broken}"
    );
}

#[test]
fn what_is_missing_is_asked_for() {
    let data = load("auth.allow_anonymous = true", &[], &[]).unwrap_err();
    assert!(data.contains("data is not set; give --data DIR"), "{data}");
    let nobody = load("data = \"d\"", &[], &[]).unwrap_err();
    assert!(
        nobody.contains("--password-file FILE") && nobody.contains("--allow-anonymous"),
        "{nobody}"
    );
}

#[test]
fn listeners_take_their_files_from_the_url_or_from_tls() {
    let file = format!(
        "{MINIMUM}listen = [\"mqtt://localhost:1883\", \"mqtts://[::]:8883?cert=/c\", \"mqtts://0.0.0.0:8884?client_ca=/ca&key=/k2\"]\n[tls]\ncert = \"/default-c\"\nkey = \"/k\"\n"
    );
    let config = load(&file, &[], &[]).unwrap();
    let files = |cert: &str, key: &str, client_ca: Option<&str>| TlsFiles {
        cert: cert.into(),
        key: key.into(),
        client_ca: client_ca.map(PathBuf::from),
    };
    let plain = |address: &str| Listener::plain(address.parse().unwrap());
    let expected = [
        plain("127.0.0.1:1883"),
        Listener {
            tls: Some(files("/c", "/k", None)),
            ..plain("[::]:8883")
        },
        Listener {
            tls: Some(files("/default-c", "/k2", Some("/ca"))),
            ..plain("0.0.0.0:8884")
        },
    ];
    assert_eq!(config.listeners, expected);
}

#[test]
fn a_listener_that_cannot_be_is_refused_with_what_can() {
    let cases = [
        ("127.0.0.1:1883", "mqtt://IP:PORT"),
        ("mqtt://0.0.0.0", "an address with its port"),
        ("mqtt://[::1]", "an address with its port"),
        ("mqtt://broker.example:1883", "an IP address and a port"),
        ("mqtt://0.0.0.0:1883?cert=x", "TLS files belong to mqtts://"),
        ("mqtts://0.0.0.0:8883", "?cert=FILE&key=FILE"),
        (
            "mqtts://0.0.0.0:8883?certificate=x",
            "cert, key, client_ca and proxy",
        ),
        ("http://0.0.0.0:80", "mqtt, mqtts, ws, wss and unix"),
        (
            "ws://0.0.0.0:80?key=x",
            "TLS files belong to mqtts:// and wss://",
        ),
        ("wss://0.0.0.0:443", "wss:// with a certificate and its key"),
        ("mqtt://0.0.0.0:1883?proxy=v2", "proxy=on or proxy=off"),
        ("mqtt://0.0.0.0:1883?proxy=", "a value behind proxy="),
        ("unix:", "a path of at most"),
        ("unix:/s?mode=999", "three octal digits"),
        ("unix:/s?cert=x", "mode and proxy"),
    ];
    for (url, allowed) in cases {
        let error = load(MINIMUM, &[("QUORATE_LISTEN", url)], &[]).unwrap_err();
        assert!(
            error.contains(url) && error.contains(allowed),
            "{url}: {error}"
        );
        assert!(
            error.contains("environment variable QUORATE_LISTEN"),
            "{error}"
        );
    }
}

#[test]
fn layers_and_places_of_listeners_are_put_together() {
    let file = format!(
        "{MINIMUM}listen = [\"ws://[::1]:8083\", \"wss://0.0.0.0:8084?proxy=on\", \"unix:/run/q\", \"unix:///run/p?mode=600&proxy=on\"]\nproxy.trusted_networks = [\"10.0.0.0/8\"]\n[tls]\ncert = \"/c\"\nkey = \"/k\"\n"
    );
    let config = load(&file, &[], &[]).unwrap();
    let found: Vec<_> = config
        .listeners
        .iter()
        .map(|l| (l.scheme(), l.websocket, l.tls.is_some(), l.proxied))
        .collect();
    let expected = [
        ("ws", true, false, false),
        ("wss", true, true, true),
        ("unix", false, false, false),
        ("unix", false, false, true),
    ];
    assert_eq!(found, expected);
    let path = |path: &str, mode| Place::Path {
        path: path.into(),
        mode,
    };
    assert_eq!(config.listeners[2].place, path("/run/q", 0o660));
    assert_eq!(config.listeners[3].place, path("/run/p", 0o600));
    assert_eq!(config.proxies, ["10.0.0.0/8".parse().unwrap()]);
}

#[test]
fn a_listener_that_believes_proxies_must_know_which() {
    let listen = ("QUORATE_LISTEN", "mqtt://0.0.0.0:1883?proxy=on");
    let nobody = load(MINIMUM, &[listen], &[]).unwrap_err();
    assert!(
        nobody.contains("proxy.trusted_networks is not set"),
        "{nobody}"
    );
    let wrong = ("QUORATE_PROXY_TRUSTED_NETWORKS", "10.0.0.0/40");
    let wrong = load(MINIMUM, &[listen, wrong], &[]).unwrap_err();
    assert!(wrong.contains("a list of networks such as"), "{wrong}");
    let some = ("QUORATE_PROXY_TRUSTED_NETWORKS", "10.0.0.0/8, ::1");
    assert_eq!(
        load(MINIMUM, &[listen, some], &[]).unwrap().proxies.len(),
        2
    );
}

#[test]
fn limits_reach_sessions_and_shards() {
    let limits = "[limits]\ntopic_levels_max = 7\nsubscriptions_max = 8\nuser_properties_max = 9\nretained_bytes_max = 4000000\nqueues_bytes_max = 8000000\nsession_queue_full = \"drop_oldest\"\n";
    let limits = load(&format!("{MINIMUM}{limits}"), &[], &[])
        .unwrap()
        .limits;
    let session = limits.session();
    assert_eq!(session.topics.levels_max, 7);
    assert_eq!(
        (session.subscriptions_max, session.user_properties_max),
        (8, 9)
    );
    let shard = limits.shard(4);
    assert_eq!(shard.session_subscriptions_max, 8);
    assert_eq!(
        (shard.retained_bytes_max, shard.message_bytes_max),
        (1_000_000, 2_000_000)
    );
    assert_eq!(shard.queue_full, QueueFull::DropOldest);
}

#[test]
fn sizes_may_have_units() {
    let config = load(
        &format!("{MINIMUM}limits.packet_bytes_max = \"64KiB\""),
        &[],
        &[],
    )
    .unwrap();
    assert_eq!(config.limits.packet_bytes_max, 65_536);
    for wrong in ["64KB", "KiB", "-1", "99999999999999999999GiB", "1GiB"] {
        let error = load(MINIMUM, &[("QUORATE_LIMITS_PACKET_BYTES_MAX", wrong)], &[]).unwrap_err();
        assert!(
            error.contains("a number of bytes from 1024 to 268435455"),
            "{error}"
        );
    }
}

#[test]
fn the_printed_configuration_is_one_that_gives_the_same() {
    let environment = [("QUORATE_HTTP", "127.0.0.1:9883"), ("QUORATE_WORKERS", "3")];
    let first = print(MINIMUM, &environment);
    let second = load(&first, &[], &[]).unwrap();
    assert_eq!(
        (second.workers, second.http),
        (3, Some("127.0.0.1:9883".parse().unwrap()))
    );
    let values = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines
            .map(|line| line.split("  # ").next().unwrap().to_owned())
            .collect()
    };
    assert_eq!(values(&first), values(&print(&first, &[])));
    assert!(
        first.contains("workers = 3  # environment variable QUORATE_WORKERS"),
        "{first}"
    );
}

#[test]
fn every_default_is_allowed_and_every_key_is_documented() {
    let config = load(MINIMUM, &[], &[]).unwrap();
    let printed = print(MINIMUM, &[]);
    for key in key::ALL {
        assert!(
            key.help.ends_with('.') && key.help.len() > 20,
            "{}",
            key.name
        );
        assert!(printed.contains(&key.variable()), "{}", key.name);
    }
    assert!(config.http.is_none(), "HTTP is off until asked for");
    assert!(
        config
            .listeners
            .iter()
            .all(|listener| listener.address().is_some_and(|a| a.ip().is_loopback()))
    );
}

#[test]
fn an_incomplete_configuration_is_printed_with_what_is_missing() {
    let printed = print("workers = 2", &[]);
    assert!(
        printed.contains("workers = 2") && printed.contains("# Not complete: data is not set"),
        "{printed}"
    );
}
