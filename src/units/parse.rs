//! Reads a quantity as the catalogue writes it: a number, a space and a unit.
//!
//! ```
//! use coreml_planner::units::{parse, Bytes, BytesPerSec};
//! assert_eq!(parse::bytes("8 GiB"), Ok(Bytes::gib(8.0)));
//! assert_eq!(parse::bytes_per_sec("68.3 GB/s"), Ok(BytesPerSec::gb(68.3)));
//! assert!(parse::bytes("8").is_err());
//! ```

use super::{Bytes, BytesPerSec, OpsPerSec, Quantity, Seconds};

fn split(text: &str) -> Result<(f64, &str), String> {
    let (value, unit) = text.trim().split_once(' ').ok_or_else(|| format!("`{text}` has no unit"))?;
    let value: f64 = value.parse().map_err(|_| format!("`{value}` in `{text}` is not a number"))?;
    if value.is_finite() && value >= 0.0 { Ok((value, unit.trim())) } else { Err(format!("`{text}` is not a size")) }
}

fn with_units<Q: Quantity>(text: &str, units: &[(&str, f64)]) -> Result<Q, String> {
    let (value, unit) = split(text)?;
    match units.iter().find(|(name, _)| *name == unit) {
        Some((_, factor)) => Ok(Q::of(value * factor)),
        None => {
            let known: Vec<&str> = units.iter().map(|(name, _)| *name).collect();
            Err(format!("`{unit}` in `{text}` is not one of {}", known.join(", ")))
        }
    }
}

/// `"200 MB"`, `"8 GiB"`, `"2147483648 B"`.
pub fn bytes(text: &str) -> Result<Bytes, String> {
    let kib = 1024.0;
    let units = [
        ("B", 1.0),
        ("kB", 1e3),
        ("MB", 1e6),
        ("GB", 1e9),
        ("TB", 1e12),
        ("KiB", kib),
        ("MiB", kib * kib),
        ("GiB", kib * kib * kib),
    ];
    with_units(text, &units)
}

/// `"68.3 GB/s"`.
pub fn bytes_per_sec(text: &str) -> Result<BytesPerSec, String> {
    with_units(text, &[("GB/s", 1e9), ("MB/s", 1e6)])
}

/// `"18 TFLOPS"`, `"35 TOPS"`, `"737.9 GFLOP/s"`.
pub fn ops_per_sec(text: &str) -> Result<OpsPerSec, String> {
    with_units(text, &[("TFLOPS", 1e12), ("TOPS", 1e12), ("GFLOP/s", 1e9), ("GFLOPS", 1e9)])
}

/// `"0.23 ms"`, `"2 s"`, `"90 us"`.
pub fn seconds(text: &str) -> Result<Seconds, String> {
    with_units(text, &[("s", 1.0), ("ms", 1e-3), ("us", 1e-6)])
}
