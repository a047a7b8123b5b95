//! How a quantity is written for a person. The doc tests are the specification.
//!
//! ```
//! use coreml_planner::units::{format::{si_bytes, iec_bytes, seconds, rate}, Bytes, BytesPerSec, Seconds};
//! assert_eq!(si_bytes(Bytes::new(999)), "999 B");
//! assert_eq!(si_bytes(Bytes::new(51_148_096)), "51.1 MB");
//! assert_eq!(iec_bytes(Bytes::gib(3.0)), "3.00 GiB");
//! assert_eq!(seconds(Seconds::ms(0.1234)), "0.123 ms");
//! assert_eq!(seconds(Seconds::ms(90_000.0)), "90.0 s");
//! assert_eq!(rate(BytesPerSec::gb(68.3)), "68.3 GB/s");
//! ```

use super::{Bytes, BytesPerSec, Joules, OpsPerSec, Quantity, Seconds, TokensPerSec, Watts, decimal};

/// Three significant digits, never scientific, thousands set apart by a thin space.
#[must_use]
pub fn number(value: f64) -> String {
    if !value.is_finite() {
        return "unknown".to_owned();
    }
    let size = value.abs();
    if size >= 10_000.0 {
        return thousands(value);
    }
    let digits = if size >= 100.0 {
        0
    } else if size >= 10.0 {
        1
    } else if size >= 1.0 {
        2
    } else if size >= 0.1 || size == 0.0 {
        3
    } else {
        4
    };
    if value == 0.0 { "0".to_owned() } else { decimal::fixed(value, digits) }
}

/// A whole number with its thousands set apart by a thin space.
#[must_use]
pub fn thousands(value: f64) -> String {
    let plain = decimal::fixed(value, 0);
    let (sign, digits) = plain.strip_prefix('-').map_or(("", plain.as_str()), |rest| ("−", rest));
    let mut out = String::from(sign);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push('\u{2009}');
        }
        out.push(digit);
    }
    out
}

fn scaled(value: f64, base: f64, names: &[&str]) -> String {
    let mut scaled = value;
    let mut unit = 0;
    // 999.5 would print as "1000": step up before it rounds there.
    while scaled.abs() >= base * 0.9995 && unit + 1 < names.len() {
        scaled /= base;
        unit += 1;
    }
    let name = names.get(unit).copied().unwrap_or_default();
    if unit == 0 { format!("{} {name}", decimal::fixed(scaled, 0)) } else { format!("{} {name}", number(scaled)) }
}

/// File and download sizes: kB, MB and GB are powers of ten.
#[must_use]
pub fn si_bytes(size: Bytes) -> String {
    scaled(size.get(), 1000.0, &["B", "kB", "MB", "GB", "TB"])
}

/// Memory: KiB, MiB and GiB are powers of two.
#[must_use]
pub fn iec_bytes(size: Bytes) -> String {
    scaled(size.get(), 1024.0, &["B", "KiB", "MiB", "GiB", "TiB"])
}

/// Time, in the unit a person would say.
#[must_use]
pub fn seconds(time: Seconds) -> String {
    let value = time.get();
    if value >= 600.0 {
        format!("{} min", number(value / 60.0))
    } else if value >= 1.0 {
        format!("{} s", number(value))
    } else {
        format!("{} ms", number(value * 1e3))
    }
}

/// Energy in J.
#[must_use]
pub fn joules(energy: Joules) -> String {
    [&*number(energy.get()), " J"].concat()
}

/// Power in W.
#[must_use]
pub fn watts(power: Watts) -> String {
    [&*number(power.get()), " W"].concat()
}

/// Bandwidth in GB/s.
#[must_use]
pub fn rate(rate: BytesPerSec) -> String {
    format!("{} GB/s", number(rate.get() / 1e9))
}

/// Arithmetic rate in TFLOPS or TOPS; the caller says which word applies.
#[must_use]
pub fn tera(rate: OpsPerSec, word: &str) -> String {
    format!("{} {word}", number(rate.get() / 1e12))
}

/// Tokens a second.
#[must_use]
pub fn tokens(rate: TokensPerSec) -> String {
    format!("{} tok/s", number(rate.get()))
}
