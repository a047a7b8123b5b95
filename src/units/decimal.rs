//! Decimal numbers as text, in whole-number arithmetic: thousandths are enough for everything a person types or reads
//! here, and the general conversions of the standard library would be 25 KB of the page.
//!
//! ```
//! use coreml_planner::units::decimal;
//! assert_eq!(decimal::parse("68.25"), Some(68.25));
//! assert_eq!(decimal::parse("1e9"), None);
//! assert_eq!(decimal::fixed(2.0 / 3.0, 2), "0.67");
//! assert_eq!(decimal::plain(68.25), "68.25");
//! assert_eq!(decimal::plain(4096.0), "4096");
//! ```

/// Digits behind the point that are read and written in full.
const PLACES: usize = 3;

/// Reads digits with at most one point among them; digits beyond thousandths are ignored.
#[must_use]
pub fn parse(text: &str) -> Option<f64> {
    let text = text.trim();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || whole.len() > 12 || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let digit = |byte: u8| u64::from(byte - b'0');
    let mut thousandths = whole.bytes().fold(0, |value, byte| value * 10 + digit(byte));
    for place in 0..PLACES {
        thousandths = thousandths * 10 + fraction.as_bytes().get(place).copied().map_or(0, digit);
    }
    Some(thousandths as f64 / 1000.0)
}

/// The number with exactly that many digits behind the point, rounded half up; `unknown` for what is no number.
#[must_use]
pub fn fixed(value: f64, places: usize) -> String {
    let factor = (0..places).fold(1.0, |factor, _| factor * 10.0);
    let scaled = value.abs() * factor + 0.5;
    if scaled.is_nan() || scaled >= 1.8e19 {
        return "unknown".to_owned();
    }
    let digits = (scaled as u64).to_string();
    let mut out = String::with_capacity(digits.len() + 3);
    if value < 0.0 && digits != "0" {
        out.push('-');
    }
    for _ in digits.len()..=places {
        out.push('0');
    }
    out.push_str(&digits);
    if places > 0 {
        out.insert(out.len() - places, '.');
    }
    out
}

/// The number to thousandths, without zeros at its end: what a link and an input field hold.
#[must_use]
pub fn plain(value: f64) -> String {
    let text = fixed(value, PLACES);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_thousandth_is_read_back() {
        for thousandths in (0..2_000_000).step_by(37) {
            let value = f64::from(thousandths) / 1000.0;
            assert_eq!(parse(&plain(value)), Some(value), "{thousandths}");
        }
    }

    #[test]
    fn what_is_no_number_is_none() {
        for text in ["", ".", "-1", "1e3", "1.2.3", "NaN", "inf", "0x10", "1 000", "9999999999999"] {
            let expected = if text == "." { None } else { parse(text) };
            assert_eq!(expected, None, "{text}");
        }
    }

    #[test]
    fn fixed_agrees_with_the_standard_library_off_the_halves() {
        for value in [0.0, 0.049, 0.051, 1.234, 9.996, 12.345_6, 99.951, 12_345.678, 0.000_149] {
            for places in 0..=4 {
                assert_eq!(fixed(value, places), format!("{value:.places$}"), "{value} at {places}");
            }
        }
    }
}
