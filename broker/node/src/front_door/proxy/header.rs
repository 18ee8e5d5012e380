//! PROXY headers as bytes: a line of text (version 1), or a binary head with addresses (version 2).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Bytes after which the version is known: those of version 2's signature.
pub(super) const PREFIX_BYTES: usize = SIGNATURE.len();
/// Longest line of version 1 in bytes, its end included.
pub(super) const V1_BYTES_MAX: usize = 107;
/// Signature, version and command, family, length.
pub(super) const V2_HEAD_BYTES: usize = 16;

const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
const V1_BEGIN: &[u8] = b"PROXY ";

/// Why bytes are no PROXY header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(in crate::front_door) enum HeaderError {
    /// Something else came first.
    #[error("no PROXY header from a trusted proxy")]
    Missing,
    /// A header of that version cannot be so.
    #[error("a malformed PROXY header")]
    Malformed,
    /// Longer than any proxy needs.
    #[error("a PROXY header that is too long")]
    TooLong,
}

/// Whether the first [`PREFIX_BYTES`] begin version 2.
pub(super) fn is_v2(bytes: &[u8]) -> bool {
    bytes.starts_with(&SIGNATURE)
}

/// Whether they begin version 1.
pub(super) fn may_be_v1(bytes: &[u8]) -> bool {
    bytes.starts_with(V1_BEGIN)
}

/// Bytes behind version 2's head.
pub(super) fn v2_length(head: &[u8]) -> Result<usize, HeaderError> {
    match head {
        [.., high, low] if head.len() == V2_HEAD_BYTES => {
            Ok(usize::from(u16::from_be_bytes([*high, *low])))
        }
        _ => Err(HeaderError::Malformed),
    }
}

/// The client's address in a whole header of version 2; `None` when the proxy speaks for itself or cannot
/// tell. What stands behind the addresses is not needed.
pub(super) fn parse_v2(bytes: &[u8]) -> Result<Option<SocketAddr>, HeaderError> {
    let Some((head, rest)) = bytes.split_at_checked(V2_HEAD_BYTES) else {
        return Err(HeaderError::Malformed);
    };
    let (command, family) = (head[12], head[13]);
    match command {
        0x20 => return Ok(None),
        0x21 => {}
        _ => return Err(HeaderError::Malformed),
    }
    match family {
        // TCP over IPv4: two addresses, two ports.
        0x11 => {
            let rest = rest.first_chunk::<12>().ok_or(HeaderError::Malformed)?;
            let [a, b, c, d, .., high, low, _, _] = *rest;
            let address = Ipv4Addr::new(a, b, c, d);
            Ok(Some((address, u16::from_be_bytes([high, low])).into()))
        }
        // TCP over IPv6.
        0x21 => {
            let rest = rest.first_chunk::<36>().ok_or(HeaderError::Malformed)?;
            let address = rest.first_chunk::<16>().ok_or(HeaderError::Malformed)?;
            let port = u16::from_be_bytes([rest[32], rest[33]]);
            Ok(Some((Ipv6Addr::from(*address), port).into()))
        }
        // Unspecified, datagrams, unix sockets: nothing that we could call an address.
        _ => Ok(None),
    }
}

/// The client's address in a whole line of version 1; `None` when the proxy cannot tell.
pub(super) fn parse_v1(line: &[u8]) -> Result<Option<SocketAddr>, HeaderError> {
    let text = std::str::from_utf8(line).map_err(|_| HeaderError::Malformed)?;
    let text = text.strip_suffix("\r\n").ok_or(HeaderError::Malformed)?;
    let mut words = text.split(' ');
    if words.next() != Some("PROXY") {
        return Err(HeaderError::Missing);
    }
    match words.next() {
        // Whatever follows is to be ignored.
        Some("UNKNOWN") => Ok(None),
        Some("TCP4") => address::<Ipv4Addr>(words).map(Some),
        Some("TCP6") => address::<Ipv6Addr>(words).map(Some),
        _ => Err(HeaderError::Malformed),
    }
}

/// Source, destination, and their ports.
fn address<'a, A>(mut words: impl Iterator<Item = &'a str>) -> Result<SocketAddr, HeaderError>
where
    A: std::str::FromStr + Into<IpAddr>,
{
    let mut ip = || words.next()?.parse::<A>().ok();
    let source = ip().ok_or(HeaderError::Malformed)?;
    ip().ok_or(HeaderError::Malformed)?;
    let mut port = || words.next()?.parse::<u16>().ok();
    let source_port = port().ok_or(HeaderError::Malformed)?;
    port().ok_or(HeaderError::Malformed)?;
    match words.next() {
        None => Ok(SocketAddr::new(source.into(), source_port)),
        Some(_) => Err(HeaderError::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{ProxyError, read};
    use super::*;

    fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend([command, family]);
        bytes.extend((rest.len() as u16).to_be_bytes());
        bytes.extend(rest);
        bytes
    }

    async fn read_all(bytes: &[u8]) -> (Result<Option<SocketAddr>, ProxyError>, Vec<u8>) {
        let mut stream = bytes;
        let read = read(&mut stream).await;
        (read, stream.to_vec())
    }

    #[tokio::test]
    async fn both_versions_tell_the_client_and_leave_what_is_behind() {
        let four = [1, 2, 3, 4, 9, 9, 9, 9, 0x1f, 0x90, 0, 1];
        let mut six = [0; 36];
        (six[15], six[32], six[33]) = (1, 0x1f, 0x90);
        let more = [&four[..], &[0x04, 0, 1, b'x']].concat();
        let cases = [
            (
                b"PROXY TCP4 1.2.3.4 9.9.9.9 8080 1\r\n".to_vec(),
                Some("1.2.3.4:8080"),
            ),
            (
                b"PROXY TCP6 ::1 ::2 8080 1\r\n".to_vec(),
                Some("[::1]:8080"),
            ),
            (b"PROXY UNKNOWN\r\n".to_vec(), None),
            (b"PROXY UNKNOWN ffff: 7 whatever\r\n".to_vec(), None),
            (v2(0x21, 0x11, &four), Some("1.2.3.4:8080")),
            (v2(0x21, 0x11, &more), Some("1.2.3.4:8080")),
            (v2(0x21, 0x21, &six), Some("[::1]:8080")),
            (v2(0x20, 0x00, &[]), None),
            (v2(0x20, 0x11, &four), None),
            (v2(0x21, 0x00, &[]), None),
        ];
        for (header, client) in cases {
            let (read, rest) = read_all(&[&header[..], b"\x10rest"].concat()).await;
            assert_eq!(
                read.unwrap(),
                client.map(|text| text.parse().unwrap()),
                "{header:?}"
            );
            assert_eq!(rest, b"\x10rest", "{header:?}");
        }
    }

    #[tokio::test]
    async fn what_is_no_header_is_refused() {
        let endless = [&b"PROXY UNKNOWN "[..], &[b'x'; 200]].concat();
        let mut large = v2(0x21, 0x11, &[]);
        large[14] = 0xff;
        let cases = [
            (
                b"\x10\x0c\0\x04MQTT\x05\x02\0\0\0\0".to_vec(),
                HeaderError::Missing,
            ),
            (
                b"PROXY TCP4 1.2.3.4 9.9.9.9 8080\r\n".to_vec(),
                HeaderError::Malformed,
            ),
            (
                b"PROXY TCP4 ::1 ::1 1 1\r\n".to_vec(),
                HeaderError::Malformed,
            ),
            (
                b"PROXY TCP4 1.2.3.4 9.9.9.9 80800 1\r\n".to_vec(),
                HeaderError::Malformed,
            ),
            (
                b"PROXY TCP4 1.2.3.4 9.9.9.9 80 1 1\r\n".to_vec(),
                HeaderError::Malformed,
            ),
            (
                b"PROXY UDP4 1.2.3.4 9.9.9.9 80 1\r\n".to_vec(),
                HeaderError::Malformed,
            ),
            (endless, HeaderError::TooLong),
            (v2(0x11, 0x11, &[0; 12]), HeaderError::Malformed),
            (v2(0x22, 0x11, &[0; 12]), HeaderError::Malformed),
            (v2(0x21, 0x11, &[0; 11]), HeaderError::Malformed),
            (v2(0x21, 0x21, &[0; 12]), HeaderError::Malformed),
            (large, HeaderError::TooLong),
        ];
        for (bytes, expected) in cases {
            match read_all(&bytes).await.0 {
                Err(ProxyError::Header(error)) => assert_eq!(error, expected, "{bytes:?}"),
                other => panic!("{bytes:?}: {other:?}"),
            }
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80), kind in 0..3) {
            let start: &[u8] = match kind {
                0 => b"PROXY TCP4 ",
                1 => &SIGNATURE,
                _ => b"",
            };
            let all = [start, &bytes].concat();
            let _ = (parse_v1(&all), parse_v2(&all), v2_length(&all));
        }
    }
}
