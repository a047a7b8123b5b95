//! A plan that Core ML made on a device, read and laid over the prediction.
//!
//! `read` opens what a tool wrote, `pair` finds the same operation on both sides, `agree` counts. Accepted are, each in
//! the form that its tool writes:
//!
//! - the planner's own script, `assets/scripts/compute_plan.py` (`coreml-planner/measured-plan/1`);
//! - CoreMLProfiler (github.com/fguzman82/CoreMLProfiler at 99717b2, `CoreMLProcessor.swift`): `compute_plan.json` and the
//!   exported `compute_plan_operation_table.json`;
//! - anemll-profile 0.4.1 with `--json` (github.com/shipstuff/anemll-profile at c524d1d, `anemll_profile.m`): the rows of
//!   `ordered_placements`.
//!
//! Invariants: pure and total; what is not stated stays `None` and never becomes a 0; a file in a form that is not known
//! for sure is refused with the reason. A measured plan is what Core ML decided on a device, not a trace of a run. Absent
//! on purpose: Xcode's performance report as CSV, whose columns no public file shows, and ane-costplan's report, which
//! names no units.

mod agree;
mod pair;
mod read;

pub use agree::{Agreement, Cell, agree};
pub use pair::{Basis, Pair, Paired, pair};
pub use read::{Fault, read};

use crate::scenario::Units;

/// Which tool wrote a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The planner's own script.
    Script,
    /// CoreMLProfiler.
    CoreMlProfiler,
    /// anemll-profile.
    AnemllProfile,
}

/// A plan that Core ML made.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasuredPlan {
    /// Who wrote it down.
    pub source: Source,
    /// The model's name, where it is stated.
    pub model: Option<String>,
    /// The device's own name of itself (`Mac14,2`), where it is stated.
    pub device: Option<String>,
    /// Its chip (`Apple M2`), where it is stated.
    pub chip: Option<String>,
    /// Its system and version (`macOS`, `15.5`), where they are stated.
    pub os: Option<(String, String)>,
    /// The compute units that Core ML was allowed, where they are stated.
    pub units: Option<Units>,
    /// One for each function.
    pub functions: Vec<MeasuredFunction>,
}

/// A function of a measured plan.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasuredFunction {
    /// Its name.
    pub name: String,
    /// Its operations in order, constants left out.
    pub ops: Vec<MeasuredOp>,
}

/// An operation of a measured plan.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasuredOp {
    /// The name of its first result, where it has one.
    pub output: Option<String>,
    /// Its MIL type without the operation set (`conv`).
    pub op: String,
    /// The unit that Core ML prefers; `None` where it has no plan.
    pub preferred: Option<crate::machine::Unit>,
    /// Whether each unit could run it, by [`crate::machine::Unit::idx`]; `None` where the file does not say.
    pub supported: [Option<bool>; 3],
    /// Core ML's estimated share of the whole, where it is stated.
    pub cost: Option<f64>,
}
