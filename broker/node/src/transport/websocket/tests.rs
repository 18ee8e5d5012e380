//! Framing against a naive client: any packets, cut into any frames, read in any pieces.

use proptest::prelude::*;

use super::*;

/// A client's frame, masked byte by byte.
fn frame(first: u8, key: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        length @ 0..=125 => bytes.push(0x80 | length as u8),
        length @ 126..=65_535 => {
            bytes.push(0x80 | 126);
            bytes.extend((length as u16).to_be_bytes());
        }
        length => {
            bytes.push(0x80 | 127);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    bytes.extend(key);
    let masked = payload.iter().zip(key.iter().cycle());
    bytes.extend(masked.map(|(byte, key)| byte ^ key));
    bytes
}

fn binary(payload: &[u8]) -> Vec<u8> {
    frame(0x82, [1, 2, 3, 4], payload)
}

fn close(payload: &[u8]) -> Vec<u8> {
    frame(0x88, [9, 8, 7, 6], payload)
}

/// Reads in one go; gives what came out.
fn read(websocket: &mut WebSocket, bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let kept = websocket.read(&mut bytes);
    bytes.truncate(kept);
    bytes
}

fn code_of(websocket: &mut WebSocket) -> u16 {
    let mut wire = Vec::new();
    websocket.close(&mut wire);
    assert_eq!(wire[..2], [0x88, 2]);
    u16::from_be_bytes([wire[2], wire[3]])
}

/// What a client would read of the server's frames: opcode and payload of each.
fn parse_ours(mut wire: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    while let [first, short, rest @ ..] = wire {
        assert_eq!(first & 0xf0, 0x80, "whole messages without extensions");
        let (length, rest) = match short {
            126 => (
                usize::from(u16::from_be_bytes([rest[0], rest[1]])),
                &rest[2..],
            ),
            127 => (
                u64::from_be_bytes(rest[..8].try_into().unwrap()) as usize,
                &rest[8..],
            ),
            short => (usize::from(*short), rest),
        };
        frames.push((first & 0x0f, rest[..length].to_vec()));
        wire = &rest[length..];
    }
    frames
}

/// One step of a client.
#[derive(Debug, Clone)]
enum Sent {
    /// A message in so many fragments, with pings between them.
    Message(Vec<Vec<u8>>, Option<Vec<u8>>),
    Pong(Vec<u8>),
}

fn sent() -> impl Strategy<Value = Sent> {
    let bytes = |max| proptest::collection::vec(any::<u8>(), 0..max);
    prop_oneof![
        4 => (proptest::collection::vec(bytes(300), 1..5), proptest::option::of(bytes(126)))
            .prop_map(|(fragments, ping)| Sent::Message(fragments, ping)),
        1 => bytes(126).prop_map(Sent::Pong),
    ]
}

fn encode(steps: &[Sent], key: [u8; 4]) -> (Vec<u8>, Vec<u8>, Option<Vec<u8>>) {
    let (mut wire, mut plain, mut last_ping) = (Vec::new(), Vec::new(), None);
    for step in steps {
        match step {
            Sent::Pong(payload) => wire.extend(frame(0x8a, key, payload)),
            Sent::Message(fragments, ping) => {
                for (number, fragment) in fragments.iter().enumerate() {
                    let last = if number + 1 == fragments.len() {
                        0x80
                    } else {
                        0
                    };
                    let opcode = if number == 0 { 2 } else { 0 };
                    wire.extend(frame(last | opcode, key, fragment));
                    plain.extend(fragment);
                    if let Some(ping) = ping {
                        wire.extend(frame(0x89, key, ping));
                        last_ping = Some(ping.clone());
                    }
                }
            }
        }
    }
    (wire, plain, last_ping)
}

proptest! {
    #[test]
    fn any_frames_read_in_any_pieces_give_the_payloads(
        steps in proptest::collection::vec(sent(), 0..12),
        key in any::<[u8; 4]>(),
        sizes in proptest::collection::vec(1_usize..400, 1..20),
    ) {
        let (wire, plain, last_ping) = encode(&steps, key);
        let mut websocket = WebSocket::default();
        let (mut received, mut rest) = (Vec::new(), &wire[..]);
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, behind) = rest.split_at(rest.len().min(*size));
            received.extend(read(&mut websocket, piece));
            rest = behind;
        }
        prop_assert_eq!(received, plain);
        prop_assert!(!websocket.is_over());
        let mut answers = Vec::new();
        websocket.take_pong(&mut answers);
        let expected: Vec<_> = last_ping.into_iter().map(|ping| (0xa, ping)).collect();
        prop_assert_eq!(parse_ours(&answers), expected);
        prop_assert_eq!(websocket.control.capacity(), 0, "an idle connection holds no buffer");
    }

    #[test]
    fn no_bytes_panic_and_what_is_over_stays_over(
        pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..20)
    ) {
        let mut websocket = WebSocket::default();
        for piece in &pieces {
            let was_over = websocket.is_over();
            let plain = read(&mut websocket, piece);
            prop_assert!(plain.len() <= piece.len());
            prop_assert!(!was_over || (websocket.is_over() && plain.is_empty()));
        }
    }

    #[test]
    fn our_frames_are_whole_messages_that_are_not_masked(length in 0_usize..70_000) {
        let (head, head_length) = WebSocket::frame(length);
        let wire = [&head[..head_length], &vec![7; length]].concat();
        prop_assert_eq!(parse_ours(&wire), vec![(2, vec![7; length])]);
    }
}

#[test]
fn a_frame_of_more_than_64_kib_comes_through() {
    let payload: Vec<u8> = (0..200_000_u32).map(|n| n as u8).collect();
    assert_eq!(read(&mut WebSocket::default(), &binary(&payload)), payload);
}

#[test]
fn broken_rules_end_the_stream_with_their_code() {
    let huge = |length: u64| {
        let mut bytes = vec![0x82, 0xff];
        bytes.extend(length.to_be_bytes());
        bytes
    };
    let cases: [(&str, Vec<u8>, u16); 15] = [
        ("not masked", vec![0x82, 0x01, 0x00], 1002),
        ("reserved bit", vec![0xc2, 0x80], 1002),
        ("text", vec![0x81, 0x80], 1003),
        ("unknown opcode", vec![0x83, 0x80], 1002),
        ("unknown control opcode", vec![0x8b, 0x80], 1002),
        ("fragmented ping", vec![0x09, 0x80], 1002),
        ("long ping", vec![0x89, 0xfe, 0, 126], 1002),
        ("nothing to continue", frame(0x80, [0; 4], b"x"), 1002),
        (
            "message in a message",
            [frame(0x02, [0; 4], b"x"), binary(b"y")].concat(),
            1002,
        ),
        (
            "two bytes of length for one",
            vec![0x82, 0xfe, 0, 125],
            1002,
        ),
        ("eight bytes of length for two", huge(65_535), 1002),
        ("the largest length", huge(u64::MAX), 1009),
        (
            "longer than any packet",
            huge(head::FRAME_BYTES_MAX + 1),
            1009,
        ),
        ("close with half a code", close(&[3]), 1002),
        (
            "close with a code for nobody",
            close(&1005_u16.to_be_bytes()),
            1002,
        ),
    ];
    for (what, bytes, code) in cases {
        let mut websocket = WebSocket::default();
        let good = [binary(b"good"), bytes].concat();
        let plain = read(&mut websocket, &good);
        assert!(
            plain.starts_with(b"good"),
            "{what}: what came before counts"
        );
        assert!(websocket.is_over(), "{what}");
        assert!(read(&mut websocket, &binary(b"late")).is_empty(), "{what}");
        assert_eq!(code_of(&mut websocket), code, "{what}");
    }
}

#[test]
fn a_close_is_answered_with_its_code_and_once() {
    let with = |code: u16, reason: &[u8]| close(&[&code.to_be_bytes()[..], reason].concat());
    for (bytes, code) in [
        (close(&[]), 1000),
        (with(1001, b"going"), 1001),
        (with(4000, b""), 4000),
        (with(1000, &[0xff]), 1007),
    ] {
        let mut websocket = WebSocket::default();
        read(&mut websocket, &bytes);
        assert!(websocket.is_over());
        assert_eq!(code_of(&mut websocket), code);
        let mut again = Vec::new();
        websocket.close(&mut again);
        assert!(again.is_empty());
    }
}

#[test]
fn ten_thousand_pings_leave_one_answer() {
    let mut websocket = WebSocket::default();
    for number in 0..10_000_u32 {
        read(&mut websocket, &frame(0x89, [5; 4], &number.to_be_bytes()));
    }
    let mut wire = Vec::new();
    websocket.take_pong(&mut wire);
    assert_eq!(parse_ours(&wire), [(0xa, 9_999_u32.to_be_bytes().to_vec())]);
}
