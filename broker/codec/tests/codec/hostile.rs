//! Any bytes at all: no panic, and whatever is accepted encodes and decodes to itself.

use proptest::collection::vec;
use proptest::prelude::*;
use quorate_codec::*;

use crate::{V5, V311, connect_of, packet_of, whole};

/// Well-formed packets of all kinds to start mutations from.
fn corpus() -> Vec<Vec<u8>> {
    vec![
        connect_of(V311, 0b1110_1110, b"\0\x01c\0\x03w/t\0\x02hi\0\x01u\0\x02pw"),
        connect_of(
            V5,
            0b1100_0110,
            b"\x13\x11\0\0\0\x01\x21\0\x01\x27\0\0\0\x09\x15\0\x01m\x17\0\0\x01c\x07\x18\0\0\0\x01\x01\x01\0\x01w\0\x01p\0\x01u\0\x01s",
        ),
        connect_of(Version::V31, 2, b"\0\x03abc"),
        packet_of(0x20, b"\0\0\x0b\x24\x01\x25\0\x12\0\x01x\x13\0\x09"),
        packet_of(0x20, b"\x01\0"),
        packet_of(0x3b, b"\0\x03a/b\0\x0ahello"),
        packet_of(
            0x32,
            b"\0\x01a\0\x01\x17\x02\0\0\0\x05\x01\x01\x0b\x81\x01\x23\0\x07\x26\0\x01k\0\x01vhello",
        ),
        packet_of(0x40, b"\0\x0a"),
        packet_of(0x50, b"\0\x0a\x10"),
        packet_of(0x62, b"\0\x0a\x92\x0b\x1f\0\x01r\x26\0\x01a\0\x01b"),
        packet_of(0x70, b"\0\x0a"),
        packet_of(0x82, b"\0\x01\0\x03a/#\x01\0\x01+\x02"),
        packet_of(0x82, b"\0\x01\x02\x0b\x09\0\x0a$share/g/a\x19\0\x01b\x2e"),
        packet_of(0x90, b"\0\x01\0\x02\xa2"),
        packet_of(0xa2, b"\0\x01\0\0\x03a/+"),
        packet_of(0xb0, b"\0\x01\0\0\x11"),
        packet_of(0xc0, b""),
        packet_of(0xd0, b""),
        packet_of(0xe0, b"\0\x05\x11\0\0\0\x09"),
        packet_of(0xf0, b"\x18\x08\x15\0\x01m\x16\0\x01d"),
    ]
}

/// Decodes as far as it goes; an accepted packet must survive a round trip. True if one was accepted.
fn survive(bytes: &[u8], version: Version) -> bool {
    let limits = DecodeLimits {
        packet_bytes_max: 4096,
    };
    if let Err(error) = decode_connect(bytes, &limits) {
        error.refusal();
    }
    match decode(bytes, version, &limits) {
        Ok(Decoded::Packet { packet, consumed }) => {
            assert!(consumed <= bytes.len());
            let mut out = Vec::new();
            encode(&packet, version, &mut out).expect("what was decoded can be encoded");
            assert!(out.len() <= consumed, "grew: {packet:?}");
            assert_eq!(whole(&out, version).as_ref(), Ok(&packet));
            true
        }
        Ok(Decoded::Incomplete { needed }) => {
            assert!(needed > bytes.len() && needed <= limits.packet_bytes_max);
            false
        }
        Err(error) => {
            assert!(error.reason().is_error());
            false
        }
    }
}

/// A small fixed generator (xorshift64): the same mutations in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound
    }

    fn byte(&mut self) -> u8 {
        // Bytes with a meaning come more often than chance has it.
        const LIKELY: [u8; 12] = [0, 1, 2, 3, 0x0b, 0x23, 0x26, 0x7f, 0x80, 0xff, b'#', b'/'];
        match self.below(2) {
            0 => LIKELY[self.below(LIKELY.len())],
            _ => self.below(256) as u8,
        }
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        let at = self.below(bytes.len());
        match self.below(5) {
            0 => bytes[at] = self.byte(),
            1 => bytes[at] ^= 1 << self.below(8),
            2 => bytes.insert(at, self.byte()),
            3 if bytes.len() > 2 => {
                bytes.remove(at);
            }
            _ => {
                let tail = bytes[at..].to_vec();
                bytes.extend_from_slice(&tail[..tail.len().min(8)]);
            }
        }
        // Half of the time the remaining length is set right again, so that the body is reached.
        if self.below(2) == 0 && (2..130).contains(&bytes.len()) {
            bytes[1] = (bytes.len() - 2) as u8;
        }
    }
}

#[test]
fn mutated_packets() {
    const ROUNDS: usize = 60_000;
    let corpus = corpus();
    let mut dice = Dice(0x51_7e_ad_0f_c0_de);
    let mut accepted = 0;
    for round in 0..ROUNDS {
        let mut bytes = corpus[round % corpus.len()].clone();
        for _ in 0..1 + dice.below(4) {
            dice.mutate(&mut bytes);
        }
        for version in [V311, V5] {
            accepted += usize::from(survive(&bytes, version));
        }
    }
    // The mutations are neither harmless nor hopeless.
    assert!(accepted > ROUNDS / 10 && accepted < ROUNDS, "{accepted}");
}

#[test]
fn the_corpus_is_well_formed() {
    for bytes in corpus() {
        assert!(survive(&bytes, V5) || survive(&bytes, V311), "{bytes:02x?}");
    }
}

#[test]
fn every_byte_of_a_packet_cut_or_replaced() {
    for bytes in corpus() {
        for at in 0..bytes.len() {
            for value in 0..=255 {
                let mut changed = bytes.clone();
                changed[at] = value;
                survive(&changed, V311);
                survive(&changed, V5);
            }
            survive(&bytes[..at], V5);
        }
    }
}

proptest! {
    #[test]
    fn any_bytes(bytes in vec(any::<u8>(), 0..300)) {
        survive(&bytes, Version::V31);
        survive(&bytes, V311);
        survive(&bytes, V5);
    }

    #[test]
    fn any_body(first in any::<u8>(), body in vec(any::<u8>(), 0..100)) {
        let bytes = packet_of(first, &body);
        survive(&bytes, V311);
        survive(&bytes, V5);
    }
}
