//! What a row measures, in the planner's terms: a class, the parts of the prediction, and the measured value.

use crate::estimate::law::{Class, Parts};

pub use crate::estimate::law::Metric;

/// How a row states a value that the planner has as a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speed {
    /// In the metric's own unit (seconds, megabytes, watts, joules), times this.
    Times(f64),
    /// The other way up: this much work in the time.
    Per(f64),
}

impl Speed {
    /// The canonical value as the row would state it.
    #[must_use]
    pub fn stated(self, canonical: f64) -> f64 {
        match self {
            Self::Times(unit) => canonical * unit,
            Self::Per(work) if canonical > 0.0 => work / canonical,
            Self::Per(_) => 0.0,
        }
    }

    /// The canonical value of what a row states.
    #[must_use]
    pub fn canonical(self, stated: f64) -> f64 {
        match self {
            Self::Times(unit) => stated / unit,
            Self::Per(work) => work / stated,
        }
    }
}

/// A row that the planner can be asked about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Case {
    /// Its class.
    pub class: Class,
    /// What the cost model says of its parts.
    pub parts: Parts,
    /// How the row states the value.
    pub speed: Speed,
    /// The measured value in the canonical unit.
    pub measured: f64,
    /// Whether the unit that the row names is the one the plan uses.
    pub is_placed_as_stated: bool,
}
