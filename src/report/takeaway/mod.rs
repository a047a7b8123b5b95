//! What a person takes away from a plan: scripts that make, load and check exactly what was planned.
//!
//! Texts, not templates in a file: each is written from the scenario, so that names, shapes, versions and settings are
//! the plan's. Invariants: deterministic; every text names the link it came from; a step that only the reader can do
//! (loading an own network) stops with a sentence that says so. Absent on purpose: running anything.

mod python;
mod swift;

use serde::Serialize;

use crate::{
    catalog::{Catalog, Preset},
    machine::Machine,
    model::{Function, Model, Role},
    scenario::{Pick, Scenario, url},
    texts::takeaway as text,
    variant::Runtime,
};

/// A file to take away.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TextFile {
    /// What to call it.
    pub name: &'static str,
    /// `python`, `swift`, `sh`.
    pub language: &'static str,
    /// What it is for, in a sentence.
    pub purpose: String,
    /// The text.
    pub text: String,
}

/// What the texts are written from.
pub struct Plan<'a> {
    /// The question.
    pub scenario: &'a Scenario,
    /// The machine it is about.
    pub machine: &'a Machine,
    /// The graph.
    pub model: &'a Model,
    /// The preset, when the model is one.
    pub preset: Option<&'static Preset>,
    /// The chosen cell.
    pub pick: Pick,
    /// Where the page is served; empty where nobody knows.
    pub address: &'a str,
}

impl Plan<'_> {
    /// The model as a person calls it. The name may come from a file, and ends in program texts: only letters, digits
    /// and a few signs that mean nothing in them stay.
    fn title(&self) -> String {
        let keep = |letter: char| if letter.is_alphanumeric() || " .-_()+,".contains(letter) { letter } else { '_' };
        self.model.name.chars().map(keep).collect()
    }

    /// A name for files: letters, digits and single underscores.
    fn stem(&self) -> String {
        let mut stem = String::new();
        for letter in self.title().chars() {
            if letter.is_ascii_alphanumeric() {
                stem.push(letter);
            } else if !stem.ends_with('_') && !stem.is_empty() {
                stem.push('_');
            }
        }
        let stem = stem.trim_end_matches('_');
        if stem.is_empty() { "Model".to_owned() } else { stem.to_owned() }
    }

    /// The link to the plan. It ends in program texts: an address with signs that mean something there is left out.
    #[must_use]
    pub fn link(&self) -> String {
        let mut scenario = self.scenario.clone();
        scenario.pick = Some(self.pick);
        let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-._~:/%@+".contains(letter);
        let is_page = ["https://", "http://"].iter().any(|scheme| self.address.starts_with(scheme));
        let address = if is_page && self.address.chars().all(is_plain) { self.address } else { "" };
        [address, "#", &url::encode(&scenario)].concat()
    }

    /// The checkpoint as Hugging Face names it, when the preset's source is there.
    fn checkpoint(&self) -> Option<&'static str> {
        let source = Catalog::get().source(self.preset?.params.source)?;
        let path = source.url.strip_prefix("https://huggingface.co/")?;
        (path.split('/').count() == 2).then_some(path)
    }

    /// Prompt tokens of one prefill call and capacity of the cache, for a model with both functions.
    fn decoder(&self) -> Option<(u32, u32)> {
        let role = |wanted: fn(&Function) -> Option<u32>| self.model.functions.iter().find_map(wanted);
        let prompt = role(|function| match function.role {
            Role::Prefill { tokens } => Some(tokens),
            Role::Decode { .. } | Role::Single | Role::Step { .. } => None,
        })?;
        let context = role(|function| match function.role {
            Role::Decode { context } => Some(context),
            Role::Prefill { .. } | Role::Single | Role::Step { .. } => None,
        })?;
        Some((prompt, context))
    }
}

/// The files of a plan, in the order in which they are used.
#[must_use]
pub fn files(plan: &Plan<'_>) -> Vec<TextFile> {
    match plan.pick.variant.runtime {
        Runtime::CoreMl => vec![
            TextFile {
                name: "convert.py",
                language: "python",
                purpose: text::CONVERT.to_owned(),
                text: python::convert(plan),
            },
            TextFile {
                name: "PlannedModel.swift",
                language: "swift",
                purpose: text::SWIFT.to_owned(),
                text: swift::load(plan),
            },
            TextFile {
                name: "verify.py",
                language: "python",
                purpose: text::VERIFY.to_owned(),
                text: python::verify(plan),
            },
        ],
        Runtime::LlamaCpp | Runtime::Mlx => vec![TextFile {
            name: "convert.sh",
            language: "sh",
            purpose: text::OTHER.to_owned(),
            text: python::other_runtime(plan),
        }],
    }
}
