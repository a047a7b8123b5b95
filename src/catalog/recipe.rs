//! Recipes for placement problems, as packed from `assets/words/fixes.toml`. Shared with the build script by `#[path]`.

use serde::{Deserialize, Serialize};

/// What to do about a placement problem, in code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The id that rules name.
    pub id: String,
    /// What is done.
    pub title: String,
    /// What it costs or changes beside the placement.
    pub changes: String,
    /// `python` or `swift`.
    pub language: String,
    /// A sketch of it.
    pub code: String,
}

/// The file of recipes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipes {
    /// Every recipe.
    pub recipe: Vec<Recipe>,
}
