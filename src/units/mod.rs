//! Physical quantities as types: bytes, seconds, rates and counts.
//!
//! Only operators that mean something exist (`Bytes / BytesPerSec = Seconds`). Formatting lives in [`format`] with one
//! policy: IEC units (MiB, GiB) for memory, SI units (MB, GB) for files, downloads and bandwidth; the unit is always
//! printed. Absent on purpose: a general dimensional-analysis system, and any arithmetic outside `+ − × ÷ min max`,
//! so that native and wasm give the same bits.

pub mod decimal;
pub mod figure;
pub mod format;
pub mod parse;

pub use figure::{Basis, Figure};

use serde::{Deserialize, Serialize};

/// A quantity with a unit, stored as one number.
pub trait Quantity: Copy + PartialOrd {
    /// The unit as it stands in JSON documents (`"bytes"`, `"s"`, `"tokens/s"`).
    const UNIT: &'static str;
    /// The number in [`Self::UNIT`].
    fn get(self) -> f64;
    /// The quantity of `value` in [`Self::UNIT`].
    fn of(value: f64) -> Self;
}

macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident, $unit:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
        pub struct $name(f64);

        impl Quantity for $name {
            const UNIT: &'static str = $unit;
            fn get(self) -> f64 {
                self.0
            }
            fn of(value: f64) -> Self {
                Self(value)
            }
        }

        impl $name {
            /// None of it.
            pub const ZERO: Self = Self(0.0);
            /// The larger of the two.
            #[must_use]
            pub fn max(self, other: Self) -> Self {
                if other.0 > self.0 { other } else { self }
            }
            /// The smaller of the two.
            #[must_use]
            pub fn min(self, other: Self) -> Self {
                if other.0 < self.0 { other } else { self }
            }
        }

        impl std::ops::Add for $name {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self(self.0 + other.0)
            }
        }
        impl std::ops::AddAssign for $name {
            fn add_assign(&mut self, other: Self) {
                self.0 += other.0;
            }
        }
        impl std::ops::Sub for $name {
            type Output = Self;
            fn sub(self, other: Self) -> Self {
                Self(self.0 - other.0)
            }
        }
        impl std::ops::Mul<f64> for $name {
            type Output = Self;
            fn mul(self, factor: f64) -> Self {
                Self(self.0 * factor)
            }
        }
        impl std::ops::Div<f64> for $name {
            type Output = Self;
            fn div(self, divisor: f64) -> Self {
                Self(self.0 / divisor)
            }
        }
        impl std::ops::Div for $name {
            type Output = f64;
            fn div(self, other: Self) -> f64 {
                self.0 / other.0
            }
        }
        impl std::iter::Sum for $name {
            fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
                Self(all.map(|one| one.0).sum())
            }
        }
    };
}

quantity!(
    /// An amount of data. Whole numbers up to 2^53 are exact.
    Bytes, "bytes"
);
quantity!(
    /// A span of time.
    Seconds, "s"
);
quantity!(
    /// A rate of data: what a memory port or a bus sustains.
    BytesPerSec, "bytes/s"
);
quantity!(
    /// An amount of arithmetic: one multiply-add is two operations.
    Ops, "ops"
);
quantity!(
    /// A rate of arithmetic (a "TFLOPS" figure is 1e12 of these).
    OpsPerSec, "ops/s"
);
quantity!(
    /// A rate of tokens read or written by a language model.
    TokensPerSec, "tokens/s"
);
quantity!(
    /// A rate of weights: how many elements a decompressor emits.
    WeightsPerSec, "weights/s"
);
quantity!(
    /// Power.
    Watts, "W"
);
quantity!(
    /// An amount of energy.
    Joules, "J"
);
quantity!(
    /// Stored bits for each logical element of a weight.
    BitsPerWeight, "bits/weight"
);

impl Bytes {
    /// A whole number of bytes.
    #[must_use]
    pub fn new(count: u64) -> Self {
        Self(count as f64)
    }
    /// `n` megabytes of 10^6 bytes.
    #[must_use]
    pub fn mb(n: f64) -> Self {
        Self(n * 1e6)
    }
    /// `n` gigabytes of 10^9 bytes.
    #[must_use]
    pub fn gb(n: f64) -> Self {
        Self(n * 1e9)
    }
    /// `n` gibibytes of 2^30 bytes: how Apple's "8 GB" of RAM is counted.
    #[must_use]
    pub fn gib(n: f64) -> Self {
        Self(n * 1_073_741_824.0)
    }
}
impl BytesPerSec {
    /// `n` gigabytes (10^9) each second.
    #[must_use]
    pub fn gb(n: f64) -> Self {
        Self(n * 1e9)
    }
}
impl OpsPerSec {
    /// `n` × 10^12 operations each second.
    #[must_use]
    pub fn tera(n: f64) -> Self {
        Self(n * 1e12)
    }
}
impl Seconds {
    /// `n` milliseconds.
    #[must_use]
    pub fn ms(n: f64) -> Self {
        Self(n * 1e-3)
    }
}

impl std::ops::Div<BytesPerSec> for Bytes {
    type Output = Seconds;
    fn div(self, rate: BytesPerSec) -> Seconds {
        Seconds(self.0 / rate.0)
    }
}
impl OpsPerSec {
    /// Whether it is a rate at all.
    #[must_use]
    pub fn is_positive(self) -> bool {
        self.0 > 0.0
    }
}

impl std::ops::Div<OpsPerSec> for Ops {
    type Output = Seconds;
    fn div(self, rate: OpsPerSec) -> Seconds {
        Seconds(self.0 / rate.0)
    }
}

/// Tokens for each second, from a number of tokens and the time they took.
#[must_use]
pub fn tokens_per_second(tokens: f64, time: Seconds) -> TokensPerSec {
    TokensPerSec(tokens / time.0)
}
