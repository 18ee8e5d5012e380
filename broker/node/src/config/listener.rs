//! A listener as the configuration names it: a URL whose scheme says what is spoken on the port.

use std::net::SocketAddr;
use std::path::PathBuf;

/// Where and how clients connect. What is spoken below MQTT is put together of layers, each on or off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Where.
    pub place: Place,
    /// Whether trusted networks send a PROXY header first (`?proxy=on`).
    pub proxied: bool,
    /// `mqtts://` and `wss://`: the files.
    pub tls: Option<TlsFiles>,
    /// `ws://` and `wss://`: MQTT in WebSocket frames.
    pub websocket: bool,
}

/// Where a listener's socket is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// On the network.
    Address(SocketAddr),
    /// In the file system.
    Path {
        /// The socket's file.
        path: PathBuf,
        /// Who may connect, as permissions of the file.
        mode: u32,
    },
}

/// The files of a TLS listener.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TlsFiles {
    /// Certificate chain, PEM.
    pub cert: PathBuf,
    /// Private key, PEM.
    pub key: PathBuf,
    /// CA certificates that client certificates must be signed by; `None` asks for none.
    pub client_ca: Option<PathBuf>,
}

/// What `[tls]` gives to listeners that name no files.
#[derive(Debug, Default, Clone)]
pub(super) struct TlsDefaults {
    pub(super) cert: Option<PathBuf>,
    pub(super) key: Option<PathBuf>,
    pub(super) client_ca: Option<PathBuf>,
}

/// Permissions of a unix socket's file that names none: its owner and its group.
const MODE: u32 = 0o660;
/// Longest path of a unix socket in bytes; the kernel's, without the zero behind it.
const PATH_BYTES_MAX: usize = 107;

impl Listener {
    /// MQTT on plain TCP.
    pub fn plain(address: SocketAddr) -> Self {
        Self {
            place: Place::Address(address),
            proxied: false,
            tls: None,
            websocket: false,
        }
    }

    /// Where it listens on the network.
    pub fn address(&self) -> Option<SocketAddr> {
        match self.place {
            Place::Address(address) => Some(address),
            Place::Path { .. } => None,
        }
    }

    /// The URL's scheme.
    pub fn scheme(&self) -> &'static str {
        match (&self.place, self.websocket, &self.tls) {
            (Place::Path { .. }, _, _) => "unix",
            (_, false, None) => "mqtt",
            (_, false, Some(_)) => "mqtts",
            (_, true, None) => "ws",
            (_, true, Some(_)) => "wss",
        }
    }

    /// Parses a URL; the error says what is allowed.
    pub(super) fn parse(url: &str, defaults: &TlsDefaults) -> Result<Self, String> {
        let (place, query) = url.split_once('?').unwrap_or((url, ""));
        if let Some(path) = place.strip_prefix("unix:") {
            return parse_unix(path, query);
        }
        let Some((scheme, address)) = place.split_once("://") else {
            return Err(FORM.to_owned());
        };
        let (websocket, secure) = match scheme {
            "mqtt" => (false, false),
            "mqtts" => (false, true),
            "ws" => (true, false),
            "wss" => (true, true),
            _ => return Err("one of the schemes mqtt, mqtts, ws, wss and unix".to_owned()),
        };
        let mut listener = Self::plain(parse_address(address)?);
        listener.websocket = websocket;
        if secure {
            let mut files = defaults.clone();
            for (name, value) in pairs(query)? {
                match name {
                    "cert" => files.cert = Some(value.into()),
                    "key" => files.key = Some(value.into()),
                    "client_ca" => files.client_ca = Some(value.into()),
                    "proxy" => listener.proxied = parse_switch(value)?,
                    _ => return Err("the parameters cert, key, client_ca and proxy".to_owned()),
                }
            }
            listener.tls = Some(files.complete(scheme)?);
        } else {
            for (name, value) in pairs(query)? {
                match name {
                    "proxy" => listener.proxied = parse_switch(value)?,
                    _ => {
                        return Err(format!(
                            "{scheme}:// with the parameter proxy at most; TLS files belong to mqtts:// and wss://"
                        ));
                    }
                }
            }
        }
        Ok(listener)
    }
}

const FORM: &str = "mqtt://IP:PORT, mqtts://IP:PORT?cert=FILE&key=FILE, ws://IP:PORT, wss://IP:PORT?cert=FILE&key=FILE or unix:PATH";

fn parse_unix(path: &str, query: &str) -> Result<Listener, String> {
    // Both unix:/path and unix:///path are usual.
    let path = path.strip_prefix("//").unwrap_or(path);
    if path.is_empty() || path.len() > PATH_BYTES_MAX {
        return Err(format!(
            "unix: and a path of at most {PATH_BYTES_MAX} bytes"
        ));
    }
    let (mut mode, mut proxied) = (MODE, false);
    for (name, value) in pairs(query)? {
        match name {
            "mode" => {
                let parsed = u32::from_str_radix(value, 8).ok().filter(|m| *m <= 0o777);
                mode = parsed.ok_or("mode as three octal digits, such as mode=660")?;
            }
            "proxy" => proxied = parse_switch(value)?,
            _ => return Err("the parameters mode and proxy".to_owned()),
        }
    }
    let path = path.into();
    Ok(Listener {
        place: Place::Path { path, mode },
        proxied,
        tls: None,
        websocket: false,
    })
}

fn parse_address(text: &str) -> Result<SocketAddr, String> {
    // A name would have to be resolved, to addresses that may change; `localhost` is the one that does not.
    let numeric = match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text.to_owned(),
    };
    let numeric = match numeric.rsplit_once(':') {
        Some((_, port)) if port.parse::<u16>().is_ok() => numeric,
        _ if numeric.ends_with(']') || !numeric.contains(':') => {
            return Err("an address with its port, such as 0.0.0.0:1883".to_owned());
        }
        _ => numeric,
    };
    numeric.parse().map_err(|_| {
        "an IP address and a port, such as 127.0.0.1:1883, 0.0.0.0:1883 or [::]:1883".to_owned()
    })
}

/// The parameters, none of them without a value.
fn pairs(query: &str) -> Result<Vec<(&str, &str)>, String> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| match pair.split_once('=').unwrap_or((pair, "")) {
            (name, "") => Err(format!("a value behind {name}=")),
            pair => Ok(pair),
        })
        .collect()
}

fn parse_switch(value: &str) -> Result<bool, String> {
    match value {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("proxy=on or proxy=off".to_owned()),
    }
}

impl TlsDefaults {
    fn complete(self, scheme: &str) -> Result<TlsFiles, String> {
        let missing = || {
            format!(
                "{scheme}:// with a certificate and its key: ?cert=FILE&key=FILE, or tls.cert and tls.key in the configuration"
            )
        };
        Ok(TlsFiles {
            cert: self.cert.ok_or_else(missing)?,
            key: self.key.ok_or_else(missing)?,
            client_ca: self.client_ca,
        })
    }
}
