//! Charts: plain data in, accessible SVG text out, drawn by plotters through our own backend.
//!
//! Invariants: a chart is a function of its arguments (same input, same text, native and in wasm); the SVG holds no
//! colour, no `style` attribute and no script, only `class` names that `assets/styles/chart.css` gives colours to; text
//! is measured by a table, never by the page. Every chart also answers as [`Mark`]s (for focus and tooltips) and as a
//! [`Table`] (for readers who cannot use a picture).
//! Deliberately absent: number formatting (words and ticks are passed in), legends (they are HTML, see [`Key`]), and
//! plotters' own text measurement, which on the web inserts a styled element into the page.

use serde::{Deserialize, Serialize};

mod axis;
mod backend;
mod bars;
mod lines;
mod scatter;
mod sheet;
mod stack;
mod steps;
mod treemap;

pub use axis::{Measure, Scale};
pub use backend::{Ink, text_width};
pub use bars::{BarSeries, Bars, Panel, bars};
pub use lines::{Line, LinePoint, Lines, lines};
pub use scatter::{Dot, Guide, Look, Naming, Scatter, Shape, scatter};
pub use stack::{Part, Stack, stack};
pub use steps::{Step, StepGroup, Steps, steps};
pub use treemap::{Leads, Tile, treemap};

/// What every chart needs besides its data.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Prefix of the ids inside the SVG; unique on the page.
    pub id: String,
    /// Accessible name.
    pub title: String,
    /// Accessible description: the finding in one or two sentences.
    pub description: String,
    /// Width to draw for, in CSS pixels: text keeps its size when the page is narrow.
    pub width: u32,
}

/// A value with its range, and how it is said.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// The best single answer.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Value and range in words (`"1.81 GB (1.79–1.84)"`).
    pub text: String,
}

/// What a line across the data says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitKind {
    /// Beyond it something fails: the app limit, the largest app.
    Barrier,
    /// A point of reference: the chosen context, a reading speed.
    Reference,
}

/// A line that values are held against.
#[derive(Clone, Debug)]
pub struct Limit {
    /// What crossing it means.
    pub kind: LimitKind,
    /// Where it stands on the axis.
    pub at: f64,
    /// What it is (`"4 GB: App Store"`).
    pub label: String,
}

/// A drawn chart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chart {
    /// The `<svg>` element.
    pub svg: String,
    /// Width of its view box.
    pub width: u32,
    /// Height of its view box.
    pub height: u32,
    /// Accessible name, as in the SVG.
    pub title: String,
    /// Accessible description, as in the SVG.
    pub description: String,
    /// The legend: empty where labels stand next to the data.
    pub keys: Vec<Key>,
    /// What can be pointed at, in reading order.
    pub marks: Vec<Mark>,
    /// The same data as a table.
    pub table: Table,
}

/// One entry of the legend.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// Class of the swatch (`"series-1"`).
    pub class: &'static str,
    /// What it stands for.
    pub name: String,
}

/// A rectangle of the view box that stands for one datum.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// Left edge.
    pub x: f64,
    /// Top edge.
    pub y: f64,
    /// Width.
    pub w: f64,
    /// Height.
    pub h: f64,
    /// What it is.
    pub label: String,
    /// Its value in words.
    pub text: String,
    /// What a press on it plans, as [`crate::scenario::Pick::id`]; empty where it is only read.
    pub pick: String,
}

/// Rows of text under a head; the first cell of a row names it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// Column names.
    pub head: Vec<String>,
    /// Rows, as long as the head.
    pub rows: Vec<Vec<String>>,
}
