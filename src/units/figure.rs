//! The one number type of everything that is shown.

use serde::{Deserialize, Serialize};

use super::Quantity;

/// One estimated quantity: the value, the range we stand behind, and why.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure<U> {
    /// The best single answer.
    pub value: U,
    /// Lower end of the range.
    pub low: U,
    /// Upper end of the range.
    pub high: U,
    /// Where it comes from.
    pub basis: Basis,
}

/// Where a figure comes from, weakest part first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Basis {
    /// A default with a source goes into it.
    Assumed,
    /// Computed by a stated rule from facts.
    Derived,
    /// Rests on measured rates of this very chip.
    Measured,
    /// Counted.
    Exact,
}

impl Basis {
    /// The word in documents.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Assumed => "assumed",
            Self::Derived => "derived",
            Self::Measured => "measured",
            Self::Exact => "exact",
        }
    }
}

impl<U: Quantity> Figure<U> {
    /// A counted value.
    pub fn exact(value: U) -> Self {
        Self { value, low: value, high: value, basis: Basis::Exact }
    }

    /// A value with its range; the ends are put in order and made to hold the value.
    pub fn range(value: U, low: U, high: U, basis: Basis) -> Self {
        let (a, b, v) = (low.get(), high.get(), value.get());
        let (low, high) = (a.min(b).min(v), a.max(b).max(v));
        Self { value, low: U::of(low), high: U::of(high), basis }
    }

    /// The same figure in another unit, by a function that grows with its argument or falls with it.
    pub fn map<V: Quantity>(self, convert: impl Fn(U) -> V) -> Figure<V> {
        Figure::range(convert(self.value), convert(self.low), convert(self.high), self.basis)
    }

    /// The sum of two figures; the weaker basis stays.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let sum = |a: U, b: U| U::of(a.get() + b.get());
        Self {
            value: sum(self.value, other.value),
            low: sum(self.low, other.low),
            high: sum(self.high, other.high),
            basis: self.basis.min(other.basis),
        }
    }
}
