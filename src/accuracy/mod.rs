//! Measured rows against the planner: reading them, saying what each is a measurement of, scoring, and fitting.
//!
//! A row of `measurements.csv` names a model, a device, a compression and a metric in its author's words. `resolve` finds
//! the model, machine and variant that the planner would be asked about, or says why it cannot; the prediction is then
//! the planner's own: a graph, a plan, its terms, and the fitted law of its class (`estimate::law`). Invariants: no row is
//! dropped silently; what is fitted never sees a row of trust D. Absent on purpose: files (the caller brings the text),
//! and anything that the page needs to answer a question.

mod case;
mod compression;
mod document;
mod fit;
mod held_out;
mod identifiers;
mod known;
mod parse;
mod pool;
mod published;
mod records;
mod resolve;
mod score;
mod sheet;
mod words;

pub use case::{Case, Metric, Speed};
pub use document::{AccuracyDocument, Conflict, ErrorRow, Point, SkippedRows, document};
pub use fit::{Fitted, FittedLaw, fit, fit_with_rows, laws_text};
pub use held_out::{Left, held_out};
pub use known::Known;
pub use parse::{Row, Trust, read};
pub(crate) use records::records;
pub use resolve::{Skip, resolve};
pub use score::{Group, Outcome, Scored, Scores, group, predict, score, scored};
pub use sheet::sheet;
