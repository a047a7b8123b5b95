//! What a person or a script reads: documents for JSON, tables for the terminal, the view model of the page.
//!
//! All user-facing words about plans live here, in [`words`]. Invariant: plain data out, no markup. Absent on purpose:
//! arithmetic that belongs to `estimate`, and colours.

pub mod answer;
pub mod compare;
pub mod controls;
pub mod details;
pub mod devices;
pub mod drawings;
pub mod effect;
pub mod evidence;
pub mod find;
pub mod frontier;
pub mod inspect;
pub mod inspection;
pub mod page;
pub mod pair;
pub mod place;
pub mod plan;
pub mod presets;
pub mod quality;
pub mod start;
pub mod takeaway;
pub mod variants;
pub mod view;
pub mod weights;
pub mod what_if;
pub mod why;
pub mod words;
