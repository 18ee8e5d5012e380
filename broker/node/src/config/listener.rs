//! A listener as the configuration names it: a URL whose scheme says what is spoken on the port.

use std::net::SocketAddr;
use std::path::PathBuf;

/// Where and how clients connect. The front door has one variant of work for each.
///
/// The place for what is still to come: `ws://` and `wss://` (WebSocket), `unix:` (a local socket), and
/// a `proxy=v2` parameter on all of them (PROXY protocol).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listener {
    /// `mqtt://`: MQTT on plain TCP.
    Plain {
        /// Where.
        address: SocketAddr,
    },
    /// `mqtts://`: MQTT on TLS.
    Tls {
        /// Where.
        address: SocketAddr,
        /// The files.
        files: TlsFiles,
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

impl Listener {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        match self {
            Self::Plain { address } | Self::Tls { address, .. } => *address,
        }
    }

    /// The URL's scheme.
    pub fn scheme(&self) -> &'static str {
        match self {
            Self::Plain { .. } => "mqtt",
            Self::Tls { .. } => "mqtts",
        }
    }

    /// Parses a URL; the error says what is allowed.
    pub(super) fn parse(url: &str, defaults: &TlsDefaults) -> Result<Self, String> {
        let Some((scheme, rest)) = url.split_once("://") else {
            return Err(FORM.to_owned());
        };
        let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
        let address = parse_address(address)?;
        match scheme {
            "mqtt" if query.is_empty() => Ok(Self::Plain { address }),
            "mqtt" => Err("mqtt:// without parameters; TLS files belong to mqtts://".to_owned()),
            "mqtts" => Ok(Self::Tls {
                address,
                files: parse_files(query, defaults)?,
            }),
            _ => Err("the scheme mqtt or mqtts (ws, wss and unix are not built yet)".to_owned()),
        }
    }
}

const FORM: &str = "mqtt://IP:PORT or mqtts://IP:PORT?cert=FILE&key=FILE";

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

fn parse_files(query: &str, defaults: &TlsDefaults) -> Result<TlsFiles, String> {
    let TlsDefaults {
        mut cert,
        mut key,
        mut client_ca,
    } = defaults.clone();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let place = match name {
            "cert" => &mut cert,
            "key" => &mut key,
            "client_ca" => &mut client_ca,
            _ => return Err("the parameters cert, key and client_ca".to_owned()),
        };
        if value.is_empty() {
            return Err(format!("a file behind {name}="));
        }
        *place = Some(value.into());
    }
    let missing = "mqtts:// with a certificate and its key: ?cert=FILE&key=FILE, or tls.cert and tls.key in the configuration";
    Ok(TlsFiles {
        cert: cert.ok_or(missing)?,
        key: key.ok_or(missing)?,
        client_ca,
    })
}
