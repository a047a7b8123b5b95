//! What is known about chips, devices, limits and published models, each value with its source.
//!
//! The facts are written in `assets/data/*.toml`, checked and packed at build time by `pack.rs` (an unknown source, a
//! missing unit or a duplicate id fails the build with file and line), and decoded once by [`Catalog::get`].
//! Unknown stays `None`: nothing here is filled in with a guess. Absent on purpose: coefficients of the cost model
//! (`estimate`), and any code that decides by a device's name.

pub mod arch;
mod glossary;
mod lesson;
mod recipe;
mod rule;
mod schema;

pub use glossary::{Glossary, Term};
pub use lesson::{Lesson, Lessons, Question, Task};
pub use recipe::{Recipe, Recipes};
pub use rule::{CostClass, CostRow, Effect, Rule, RuleText, RuleTexts, Rulebook, Test, Trust, WeightTest, WeightTrait};

pub use schema::{
    AppMemory, Catalog, Coefficient, Confidence, Device, DeviceKind, Fact, FactKind, Law, Limit, OsFamily, Preset,
    PresetKind, QualityEffect, Soc, Source, SourceIdx, TopsMeaning,
};

use std::sync::LazyLock;

#[cfg(not(feature = "ui"))]
static PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/catalog.bin"));
/// The page's own wasm has no sources and no notes: its worker says why.
#[cfg(feature = "ui")]
static PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/catalog_lean.bin"));
static CATALOG: LazyLock<Catalog> = LazyLock::new(|| postcard::from_bytes(PACKED).unwrap_or_default());

static PACKED_RULES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/rules.bin"));
static RULES: LazyLock<Rulebook> = LazyLock::new(|| postcard::from_bytes(PACKED_RULES).unwrap_or_default());
static PACKED_TEXTS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/rule_texts.bin"));
static TEXTS: LazyLock<RuleTexts> = LazyLock::new(|| postcard::from_bytes(PACKED_TEXTS).unwrap_or_default());

static PACKED_RECIPES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/recipes.bin"));
static RECIPES: LazyLock<Recipes> = LazyLock::new(|| postcard::from_bytes(PACKED_RECIPES).unwrap_or_default());

static PACKED_GLOSSARY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/glossary.bin"));
static GLOSSARY: LazyLock<Glossary> = LazyLock::new(|| postcard::from_bytes(PACKED_GLOSSARY).unwrap_or_default());

static PACKED_LESSONS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/lessons.bin"));
static LESSONS: LazyLock<Lessons> = LazyLock::new(|| postcard::from_bytes(PACKED_LESSONS).unwrap_or_default());

static QUALITY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/quality.csv"));

/// The published effects of compression on answers, as the file has them, for [`crate::report::quality::pairs`]. Whoever
/// never asks for them does not link them.
#[must_use]
pub fn published_quality() -> &'static str {
    std::str::from_utf8(QUALITY).unwrap_or_default()
}

impl Glossary {
    /// The terms of this build. Whoever never asks for them does not link them.
    #[must_use]
    pub fn get() -> &'static Self {
        &GLOSSARY
    }
}

impl Lessons {
    /// The lessons of this build. Whoever never asks for them does not link them.
    #[must_use]
    pub fn get() -> &'static Self {
        &LESSONS
    }
}

impl Recipes {
    /// The recipes of this build. Whoever never asks for them does not link them.
    #[must_use]
    pub fn get() -> &'static Self {
        &RECIPES
    }

    /// The recipe of an id.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<&Recipe> {
        self.recipe.iter().find(|recipe| recipe.id == id)
    }
}

impl Rulebook {
    /// The placement rules that were packed into this build.
    #[must_use]
    pub fn get() -> &'static Self {
        &RULES
    }
}

impl RuleTexts {
    /// The words of the rules. Whoever never asks for them does not link them.
    #[must_use]
    pub fn get() -> &'static Self {
        &TEXTS
    }
}

impl Catalog {
    /// The catalogue that was packed into this build.
    #[must_use]
    pub fn get() -> &'static Self {
        &CATALOG
    }

    /// The device of an id.
    #[must_use]
    pub fn device(&self, id: &str) -> Option<&Device> {
        self.devices.iter().find(|device| device.id == id)
    }

    /// The chip of an id.
    #[must_use]
    pub fn soc(&self, id: &str) -> Option<&Soc> {
        self.socs.iter().find(|soc| soc.id == id)
    }

    /// The preset of an id.
    #[must_use]
    pub fn preset(&self, id: &str) -> Option<&Preset> {
        self.presets.iter().find(|preset| preset.id == id)
    }

    /// The limit of an id.
    #[must_use]
    pub fn limit(&self, id: &str) -> Option<&Limit> {
        self.limits.iter().find(|limit| limit.id == id)
    }

    /// Where a fact comes from.
    #[must_use]
    pub fn source(&self, source: SourceIdx) -> Option<&Source> {
        self.sources.get(usize::from(source.0))
    }
}
