//! The glossary. Shared with the build script by `#[path]`, so it uses serde and nothing else.

use serde::{Deserialize, Serialize};

/// Every term of the page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Glossary {
    /// In the order of the file.
    pub term: Vec<Term>,
}

/// A technical term.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Term {
    /// Its id.
    pub id: String,
    /// What it is called.
    pub term: String,
    /// Other spellings.
    #[serde(default)]
    pub also: Vec<String>,
    /// What it means, in a sentence or two.
    pub text: String,
    /// Ids of terms beside it.
    #[serde(default)]
    pub see: Vec<String>,
}
