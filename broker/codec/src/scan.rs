//! Looks for forbidden characters eight bytes at a time: every topic of every PUBLISH passes here.
//! Must not judge; callers know what is forbidden where.

const LOW_BITS: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = LOW_BITS << 7;

/// Whether there is a U+0000.
#[inline]
pub(crate) fn has_nul(bytes: &[u8]) -> bool {
    any_word(bytes, zero_bytes)
}

/// Whether there is a U+0000, a `+` or a `#`.
#[inline]
pub(crate) fn has_nul_or_wildcard(bytes: &[u8]) -> bool {
    // The two wildcards differ in one bit, 0x08: without it `+` is `#`.
    any_word(bytes, |word| {
        let folded = word & !(LOW_BITS * 0x08);
        zero_bytes(word) | zero_bytes(folded ^ (LOW_BITS * b'#' as u64))
    })
}

/// Not 0 if a byte of the word is 0 (which one, it does not tell for sure).
#[inline]
const fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(LOW_BITS) & !word & HIGH_BITS
}

#[inline]
fn any_word(bytes: &[u8], test: impl Fn(u64) -> u64) -> bool {
    let Some(last) = bytes.last_chunk::<8>() else {
        // Bytes of 1 fill up what is missing: no test is about them.
        let word = bytes
            .iter()
            .fold(LOW_BITS, |word, &byte| word << 8 | u64::from(byte));
        return test(word) != 0;
    };
    let (words, _) = bytes.as_chunks::<8>();
    // The last eight bytes overlap with the words before them.
    let found = words
        .iter()
        .fold(test(u64::from_le_bytes(*last)), |found, word| {
            found | test(u64::from_le_bytes(*word))
        });
    found != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_looking_at_each_byte() {
        for len in 0..40 {
            let mut bytes = vec![b'a'; len];
            assert!(!has_nul(&bytes) && !has_nul_or_wildcard(&bytes));
            for at in 0..len {
                for value in 0..=255 {
                    bytes[at] = value;
                    assert_eq!(has_nul(&bytes), value == 0, "{value} at {at} of {len}");
                    let expected = matches!(value, 0 | b'+' | b'#');
                    assert_eq!(
                        has_nul_or_wildcard(&bytes),
                        expected,
                        "{value} at {at} of {len}"
                    );
                }
                bytes[at] = b'z';
            }
        }
    }
}
