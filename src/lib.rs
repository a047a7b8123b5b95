//! Core ML Planner: how big a model is, whether it fits, how fast it runs and where each operation lands on an Apple
//! device, computed from bytes or from a published architecture, before anything is converted or shipped.
//!
//! Data flows one way:
//!
//! ```text
//! bytes ─▶ format ─▶ Package ┐
//! catalog ─▶ lower ──────────┴▶ model::Model ─▶ variant ─▶ placement ─▶ estimate ─▶ report ─▶ markup ─▶ ui │ bin/planner
//! ```
//!
//! Everything but `ui` and the binaries is pure: no I/O, no clock, no randomness, no web types.
//! `estimate` and `placement` are total: missing knowledge widens a range, it never fails and never invents a number.

pub mod accuracy;
pub mod catalog;
pub mod chart;
pub mod desk;
pub mod estimate;
pub mod evidence;
pub mod fixes;
pub mod format;
pub mod lower;
pub mod machine;
pub mod markup;
pub mod model;
pub mod order;
pub mod placement;
pub mod report;
pub mod scenario;
pub mod texts;
pub mod units;
pub mod variant;

#[cfg(feature = "ui")]
pub mod ui;
