//! Numbers as MIL text writes them: decimal and hexadecimal integers, and floating point in hexadecimal, as C prints it
//! with `%a`, so that no bit is lost.

/// An integer of up to 64 bits; those beyond the signed range keep their bits.
pub(super) fn integer(word: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(word).ok()?;
    let (negative, digits) = sign(text);
    let magnitude = match hex_digits(digits) {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => digits.parse::<u64>().ok(),
    };
    match magnitude {
        Some(magnitude) if negative => Some((magnitude as i64).wrapping_neg()),
        Some(magnitude) => Some(magnitude as i64),
        // Third-party writers print `1.0` for an integer.
        None => float(word).filter(|value| *value == (*value as i64) as f64).map(|value| value as i64),
    }
}

/// A floating-point number in any of its spellings.
pub(super) fn float(word: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(word).ok()?;
    let (negative, digits) = sign(text);
    let Some(hex) = hex_digits(digits) else { return text.parse().ok() };
    let value = hexadecimal(hex)?;
    Some(if negative { -value } else { value })
}

fn sign(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

fn hex_digits(digits: &str) -> Option<&str> {
    digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"))
}

/// `1.8p-3`: digits with an optional point, and the power of two.
fn hexadecimal(text: &str) -> Option<f64> {
    let (digits, exponent) = match text.split_once(['p', 'P']) {
        Some((digits, exponent)) => (digits, exponent.strip_prefix('+').unwrap_or(exponent).parse::<i32>().ok()?),
        None => (text, 0),
    };
    let mut mantissa = 0_u64;
    let mut shift = exponent.clamp(-8192, 8192);
    let (mut is_fraction, mut n_digits) = (false, 0);
    for character in digits.chars() {
        if character == '.' && !is_fraction {
            is_fraction = true;
            continue;
        }
        let digit = character.to_digit(16)?;
        n_digits += 1;
        if mantissa >> 60 == 0 {
            mantissa = mantissa << 4 | u64::from(digit);
            shift -= if is_fraction { 4 } else { 0 };
        } else if !is_fraction {
            // Digits that no type can hold only move the point.
            shift = shift.saturating_add(4);
        }
    }
    if n_digits == 0 {
        return None;
    }
    let mut value = mantissa as f64;
    while value != 0.0 && value.is_finite() && shift != 0 {
        let step = shift.clamp(-1000, 1000);
        value *= f64::from_bits(((step + 1023) as u64) << 52);
        shift -= step;
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(word: &str, expected: f64) {
        let found = float(word.as_bytes());
        assert_eq!(found.map(f64::to_bits), Some(expected.to_bits()), "{word}: {found:?}");
    }

    #[test]
    fn hexadecimal_and_decimal_numbers_keep_every_bit() {
        check("0x1p+0", 1.0);
        check("-0x1.8p-3", -0.1875);
        check("0x0p+0", 0.0);
        check("-0x0p+0", -0.0);
        check("0x1p-24", 5.960_464_477_539_063e-8);
        check("0x1.ff8p-15", 6.097_555_160_522_461e-5);
        check("0x1.fffffep+127", f64::from(f32::MAX));
        check("0x1p-149", f64::from(f32::from_bits(1)));
        check("0x1.921fb54442d18p+1", std::f64::consts::PI);
        check("0x1p-1074", f64::from_bits(1));
        check("0x1p+9999", f64::INFINITY);
        check("inf", f64::INFINITY);
        check("-inf", f64::NEG_INFINITY);
        check("0.1", 0.1);
        check("500.0", 500.0);
        assert!(float(b"nan").is_some_and(f64::is_nan));
        for odd in ["", "0x", "0xp3", "0x1.2.3p1", "0x1pp", "one"] {
            assert_eq!(float(odd.as_bytes()), None, "{odd}");
        }
    }

    #[test]
    fn integers_may_be_hexadecimal_and_use_all_64_bits() {
        for (word, expected) in [
            ("-1", Some(-1)),
            ("0x1F", Some(31)),
            ("18446744073709551615", Some(-1)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("0x1p+2", Some(4)),
            ("1.0", Some(1)),
            ("1.5", None),
            ("99999999999999999999999", None),
            ("x", None),
        ] {
            assert_eq!(integer(word.as_bytes()), expected, "{word}");
        }
    }
}
