//! `planner presets`: the models of the catalogue.

use serde::Serialize;

use crate::{
    catalog::{Catalog, PresetKind},
    units::format::thousands,
};

/// The document of `planner presets --json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PresetsDocument {
    /// `coreml-planner/presets/1`.
    pub schema: &'static str,
    /// One row for each preset.
    pub presets: Vec<PresetRow>,
}

/// One preset.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PresetRow {
    /// Kebab-case product name.
    pub id: &'static str,
    /// What a person calls it.
    pub name: &'static str,
    /// `llm`, `speech`, `diffusion`, `text`, `vision`, `course`.
    pub kind: &'static str,
    /// Published number of parameters.
    pub params: f64,
    /// Who published it.
    pub source: &'static str,
    /// What a reader should know.
    pub note: &'static str,
}

/// The word for a kind of preset.
#[must_use]
pub fn kind(kind: PresetKind) -> &'static str {
    match kind {
        PresetKind::Course => "course",
        PresetKind::Llm => "llm",
        PresetKind::Speech => "speech",
        PresetKind::Diffusion => "diffusion",
        PresetKind::Text => "text",
        PresetKind::Vision => "vision",
    }
}

/// The document of the catalogue's presets.
#[must_use]
pub fn document(catalog: &'static Catalog) -> PresetsDocument {
    let row = |preset: &'static crate::catalog::Preset| PresetRow {
        id: &preset.id,
        name: &preset.name,
        kind: kind(preset.kind),
        params: preset.params.value,
        source: catalog.source(preset.params.source).map_or("", |source| source.url.as_str()),
        note: &preset.note,
    };
    PresetsDocument { schema: "coreml-planner/presets/1", presets: catalog.presets.iter().map(row).collect() }
}

/// The document as a table.
#[must_use]
pub fn text(document: &PresetsDocument) -> String {
    let mut rows = vec![["id".to_owned(), "kind".to_owned(), "parameters".to_owned(), "name".to_owned()]];
    for preset in &document.presets {
        rows.push([preset.id.to_owned(), preset.kind.to_owned(), thousands(preset.params), preset.name.to_owned()]);
    }
    let mut out = String::new();
    super::plan::table(&rows, &mut out);
    out
}
