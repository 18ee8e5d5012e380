//! What an upgrade request must say, and both answers to it. Reads no socket.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

use crate::front_door::limits::UPGRADE_HEADERS_MAX;

/// Appended to the client's key, so that nobody answers who does not speak the protocol (RFC 6455, 1.3).
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// Sub-protocols, the first one that the client knows too is taken: the standard's (MQTT-6.0.0-3), and the
/// name that clients of MQTT 3.1 used before there was one.
const PROTOCOLS: [&str; 2] = ["mqtt", "mqttv3.1"];

/// A request that will be granted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    /// Its bytes; frames begin behind them.
    pub(super) length: usize,
    protocol: &'static str,
    accept: String,
}

/// Why a request is not granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::front_door) struct Refused {
    pub(super) status: &'static str,
    pub(super) words: &'static str,
}

pub(super) const TOO_LARGE: Refused = Refused {
    status: "431 Request Header Fields Too Large",
    words: "the request is too large",
};
const NO_HTTP: Refused = bad("this is no HTTP/1.1 request");
const NO_UPGRADE: Refused = Refused {
    status: "426 Upgrade Required",
    words: "MQTT over WebSocket is spoken here",
};
const BAD_VERSION: Refused = Refused {
    status: "426 Upgrade Required",
    words: "WebSocket version 13 is spoken here",
};
const NOT_GET: Refused = Refused {
    status: "405 Method Not Allowed",
    words: "a WebSocket begins with GET",
};
const NO_PROTOCOL: Refused = bad("the sub-protocol mqtt must be asked for");
const BAD_KEY: Refused = bad("Sec-WebSocket-Key must be 16 bytes in base64");
const NO_HOST: Refused = bad("a request needs a Host");

const fn bad(words: &'static str) -> Refused {
    Refused {
        status: "400 Bad Request",
        words,
    }
}

impl Request {
    /// The answer after which frames follow.
    pub(super) fn answer(&self) -> String {
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\nSec-WebSocket-Protocol: {}\r\n\r\n",
            self.accept, self.protocol
        )
    }
}

impl Refused {
    /// The answer after which the connection ends.
    pub(super) fn answer(&self) -> String {
        let Self { status, words } = self;
        format!(
            "HTTP/1.1 {status}\r\nConnection: close\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{words}\n",
            words.len() + 1
        )
    }
}

/// Reads a request; `None` wants more bytes.
pub(super) fn parse(bytes: &[u8]) -> Result<Option<Request>, Refused> {
    let mut headers = [httparse::EMPTY_HEADER; UPGRADE_HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    let length = match request.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(TOO_LARGE),
        Err(_) => return Err(NO_HTTP),
    };
    if request.version != Some(1) {
        return Err(NO_HTTP);
    }
    if request.method != Some("GET") {
        return Err(NOT_GET);
    }
    let headers = &*request.headers;
    if values(headers, "host").next().is_none() {
        return Err(NO_HOST);
    }
    let names = |name, word: &str| tokens(headers, name).any(|t| t.eq_ignore_ascii_case(word));
    if !names("upgrade", "websocket") || !names("connection", "upgrade") {
        return Err(NO_UPGRADE);
    }
    if values(headers, "sec-websocket-version").next() != Some("13") {
        return Err(BAD_VERSION);
    }
    let key = values(headers, "sec-websocket-key").next().ok_or(BAD_KEY)?;
    if BASE64.decode(key).map_or(0, |nonce| nonce.len()) != 16 {
        return Err(BAD_KEY);
    }
    let offers =
        |protocol: &&str| tokens(headers, "sec-websocket-protocol").any(|t| t == *protocol);
    Ok(Some(Request {
        length,
        protocol: PROTOCOLS.into_iter().find(offers).ok_or(NO_PROTOCOL)?,
        accept: accept(key),
    }))
}

fn accept(key: &str) -> String {
    let text = [key, GUID].concat();
    BASE64.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()))
}

/// The values of a header that are text.
fn values<'a>(headers: &'a [httparse::Header<'a>], name: &str) -> impl Iterator<Item = &'a str> {
    let named = headers
        .iter()
        .filter(move |header| header.name.eq_ignore_ascii_case(name));
    named
        .filter_map(|header| std::str::from_utf8(header.value).ok())
        .map(str::trim)
}

/// The comma-separated words of a header, which may be there several times.
fn tokens<'a>(headers: &'a [httparse::Header<'a>], name: &str) -> impl Iterator<Item = &'a str> {
    values(headers, name)
        .flat_map(|value| value.split(','))
        .map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "GET /mqtt HTTP/1.1\r\nHost: localhost\r\n";
    const UPGRADE: &str = "Upgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n";
    const KEY: &str =
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    const MQTT: &str = "Sec-WebSocket-Protocol: mqtt\r\n";

    fn request(lines: &[&str]) -> Result<Option<Request>, Refused> {
        parse(format!("{}\r\n", lines.concat()).as_bytes())
    }

    #[test]
    fn the_key_of_the_standards_example_gets_its_answer() {
        let granted = request(&[HEAD, UPGRADE, KEY, MQTT]).unwrap().unwrap();
        let answer = granted.answer();
        assert!(
            answer.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"),
            "{answer}"
        );
        assert!(
            answer.contains("Sec-WebSocket-Protocol: mqtt\r\n"),
            "{answer}"
        );
    }

    #[test]
    fn a_request_may_come_in_any_pieces_and_frames_behind_it_are_left() {
        let text = format!("{HEAD}{UPGRADE}{KEY}{MQTT}\r\n");
        for cut in 0..text.len() {
            assert_eq!(parse(&text.as_bytes()[..cut]), Ok(None), "{cut}");
        }
        let behind = format!("{text}frames");
        assert_eq!(
            parse(behind.as_bytes()).unwrap().unwrap().length,
            text.len()
        );
    }

    #[test]
    fn mqtt_is_preferred_to_its_old_name() {
        for (offers, taken) in [
            ("mqttv3.1", "mqttv3.1"),
            ("mqttv3.1, mqtt", "mqtt"),
            ("chat,mqtt", "mqtt"),
        ] {
            let line = format!("Sec-WebSocket-Protocol: {offers}\r\n");
            let granted = request(&[HEAD, UPGRADE, KEY, &line]).unwrap().unwrap();
            assert_eq!(granted.protocol, taken);
        }
    }

    #[test]
    fn what_is_no_upgrade_to_mqtt_is_told_so() {
        let many = "X: y\r\n".repeat(UPGRADE_HEADERS_MAX + 1);
        let key = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n";
        let version = "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        let cases: [(&[&str], Refused); 10] = [
            (
                &["GET / HTTP/1.0\r\nHost: a\r\n", UPGRADE, KEY, MQTT],
                NO_HTTP,
            ),
            (&["\u{16}\u{3}\u{1}\r\n"], NO_HTTP),
            (
                &["POST / HTTP/1.1\r\nHost: a\r\n", UPGRADE, KEY, MQTT],
                NOT_GET,
            ),
            (&["GET / HTTP/1.1\r\n", UPGRADE, KEY, MQTT], NO_HOST),
            (&[HEAD], NO_UPGRADE),
            (&[HEAD, "Upgrade: websocket\r\n", KEY, MQTT], NO_UPGRADE),
            (&[HEAD, UPGRADE, version, MQTT], BAD_VERSION),
            (&[HEAD, UPGRADE, key, MQTT], BAD_KEY),
            (&[HEAD, UPGRADE, KEY], NO_PROTOCOL),
            (&[HEAD, &many], TOO_LARGE),
        ];
        for (lines, refused) in cases {
            assert_eq!(request(lines), Err(refused), "{lines:?}");
        }
        let other = "Sec-WebSocket-Protocol: MQTT, chat\r\n";
        assert_eq!(request(&[HEAD, UPGRADE, KEY, other]), Err(NO_PROTOCOL));
    }
}
