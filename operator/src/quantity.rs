//! Sizes as Kubernetes writes them (`10Gi`, `1500M`, `0.5Ti`), as far as volumes need them: bytes.

/// Bytes of a quantity; `None` if it is none, or is more than anybody can have.
pub fn bytes(text: &str) -> Option<u128> {
    let digits = text.find(|c: char| !(c.is_ascii_digit() || c == '.'));
    let (number, unit) = text.split_at(digits.unwrap_or(text.len()));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.len() > FRACTION_DIGITS_MAX {
        return None;
    }
    let factor = factor(unit)?;
    let part = |text: &str| {
        if text.is_empty() {
            Some(0)
        } else {
            text.parse::<u64>().ok()
        }
    };
    let scale = 10u128.pow(u32::try_from(fraction.len()).ok()?);
    let thousandths = (u128::from(part(whole)?) * scale + u128::from(part(fraction)?)) * factor;
    Some(thousandths.div_ceil(scale * 1_000))
}

/// More digits after the point than this are nobody's size.
const FRACTION_DIGITS_MAX: usize = 9;

/// The unit in thousandths of a byte, since `m` is a unit too.
fn factor(unit: &str) -> Option<u128> {
    let binary = |power: u32| 1_000 * 1024u128.pow(power);
    let decimal = |power: u32| 1_000 * 1000u128.pow(power);
    Some(match unit {
        "m" => 1,
        "" => 1_000,
        "k" => decimal(1),
        "M" => decimal(2),
        "G" => decimal(3),
        "T" => decimal(4),
        "P" => decimal(5),
        "Ki" => binary(1),
        "Mi" => binary(2),
        "Gi" => binary(3),
        "Ti" => binary(4),
        "Pi" => binary(5),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn sizes_in_all_their_forms() {
        assert_eq!(bytes("10Gi"), Some(10 << 30));
        assert_eq!(bytes("1500M"), Some(1_500_000_000));
        assert_eq!(bytes("0.5Ti"), Some(1 << 39));
        assert_eq!(bytes("1.5Gi"), Some(3 << 29));
        assert_eq!(bytes("1500m"), Some(2));
        assert_eq!(bytes("7"), Some(7));
    }

    #[test]
    fn what_is_no_size_is_none() {
        for text in [
            "",
            ".",
            "Gi",
            "1Xi",
            "1.2.3",
            "-1",
            "10 Gi",
            "99999999999999999999Gi",
        ] {
            assert_eq!(bytes(text), None, "{text}");
        }
    }
}
