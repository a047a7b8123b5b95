//! Answers of `planner find` as documents and tables.

use serde::Serialize;

use crate::{
    report::plan::{FigureDocument, table},
    texts::backwards::NO_DEVICE,
    units::format::{iec_bytes, si_bytes},
};

use super::{Fleet, Judged, ModelRow, Sureness, VariantRow, params};

/// The document of `planner find --json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FindDocument {
    /// `coreml-planner/find/1`.
    pub schema: &'static str,
    /// `model`, `variant` or `device`.
    pub question: &'static str,
    /// The answers, best first.
    pub rows: Vec<FindRow>,
    /// For a fleet: shares that surely, likely and perhaps run it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fleet: Option<FleetShares>,
}

/// Shares of a fleet.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FleetShares {
    /// Over the whole range.
    pub sure: f64,
    /// At the likely value.
    pub likely: f64,
    /// Nobody published what decides it.
    pub unknown: f64,
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FindRow {
    /// Preset or device; for a variant the device that decides.
    pub id: String,
    /// What a person calls it.
    pub name: String,
    /// Variant id.
    pub variant: String,
    /// Compute units.
    pub units: &'static str,
    /// `sure`, `likely`, `unknown` or `no`.
    pub sureness: Sureness,
    /// The limit that binds; empty when everything passes.
    pub binds: String,
    /// The limit that comes next when everything passes; empty where no limit is a number.
    pub nearest: String,
    /// The package.
    pub bundle_bytes: Option<FigureDocument>,
    /// Run-time memory.
    pub memory_bytes: Option<FigureDocument>,
    /// Generated tokens a second.
    pub decode_tokens_per_s: Option<FigureDocument>,
    /// Time of one job.
    pub latency_s: Option<FigureDocument>,
    /// Published parameters, for a model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub params: Option<f64>,
    /// Share of the fleet, for a device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
}

fn row(id: &str, name: &str, judged: &Judged) -> FindRow {
    FindRow {
        id: id.to_owned(),
        name: name.to_owned(),
        variant: judged.pick.variant.id(),
        units: judged.pick.units.id(),
        sureness: judged.sureness,
        binds: judged.binds.clone(),
        nearest: judged.nearest.clone(),
        bundle_bytes: Some(judged.bundle.into()),
        memory_bytes: Some(judged.memory.into()),
        decode_tokens_per_s: judged.decode.map(Into::into),
        latency_s: judged.latency.map(Into::into),
        params: None,
        share: None,
    }
}

fn document(question: &'static str, rows: Vec<FindRow>) -> FindDocument {
    FindDocument { schema: "coreml-planner/find/1", question, rows, fleet: None }
}

/// Which models pass.
#[must_use]
pub fn of_models(rows: &[ModelRow]) -> FindDocument {
    let one = |model: &ModelRow| FindRow { params: Some(model.params), ..row(model.id, model.name, &model.best) };
    document("model", rows.iter().map(one).collect())
}

/// Which variants pass.
#[must_use]
pub fn of_variants(rows: &[VariantRow]) -> FindDocument {
    let one = |found: &VariantRow| row(&found.id, &found.device, &found.there);
    document("variant", rows.iter().map(one).collect())
}

/// Which devices pass.
#[must_use]
pub fn of_fleet(fleet: &Fleet) -> FindDocument {
    let one = |device: &super::DeviceRow| {
        let known = device.judged.as_ref().map(|judged| row(&device.id, &device.name, judged));
        let known = known.unwrap_or_else(|| FindRow {
            id: device.id.clone(),
            name: device.name.clone(),
            variant: String::new(),
            units: "",
            sureness: Sureness::Unknown,
            binds: NO_DEVICE.to_owned(),
            nearest: String::new(),
            bundle_bytes: None,
            memory_bytes: None,
            decode_tokens_per_s: None,
            latency_s: None,
            params: None,
            share: None,
        });
        FindRow { share: Some(device.share), ..known }
    };
    let shares = FleetShares { sure: fleet.sure, likely: fleet.likely, unknown: fleet.unknown };
    FindDocument { fleet: Some(shares), ..document("device", fleet.rows.iter().map(one).collect()) }
}

fn word(sureness: Sureness) -> &'static str {
    match sureness {
        Sureness::Sure => "yes",
        Sureness::Likely => "likely",
        Sureness::Unknown => "unknown",
        Sureness::No => "no",
    }
}

fn cells(judged: &Judged) -> [String; 5] {
    [
        word(judged.sureness).to_owned(),
        format!("{} on {}", judged.pick.variant.id(), judged.pick.units.id()),
        si_bytes(judged.bundle.value),
        iec_bytes(judged.memory.value),
        judged.speed_text(),
    ]
}

fn rows_of<'r>(head: &str, rows: impl Iterator<Item = (String, &'r Judged)>) -> String {
    let mut lines = vec![[head, "runs", "as", "bundle", "memory", "speed", "binds"].map(str::to_owned)];
    for (name, judged) in rows {
        let [runs, pick, bundle, memory, speed] = cells(judged);
        lines.push([name, runs, pick, bundle, memory, speed, judged.binds.clone()]);
    }
    let mut out = String::new();
    table(&lines, &mut out);
    out
}

/// The models as a table for a terminal.
#[must_use]
pub fn text_of_models(rows: &[ModelRow]) -> String {
    rows_of("model", rows.iter().map(|row| (format!("{} ({})", row.name, params(row.params)), &row.best)))
}

/// The variants as a table for a terminal: each with the device that decides.
#[must_use]
pub fn text_of_variants(rows: &[VariantRow]) -> String {
    rows_of("decided by", rows.iter().map(|row| (row.device.clone(), &row.there)))
}

/// The devices as a table for a terminal, with the shares of the fleet under it.
#[must_use]
pub fn text_of_fleet(fleet: &Fleet) -> String {
    let known = fleet.rows.iter().filter_map(|row| row.judged.as_ref().map(|judged| (row.name.clone(), judged)));
    let mut out = rows_of("device", known);
    let percent = |share: f64| crate::units::format::number(share * 100.0);
    out.push_str(&format!(
        "\nof the fleet: {} % surely, {} % likely, {} % unknown\n",
        percent(fleet.sure),
        percent(fleet.likely),
        percent(fleet.unknown)
    ));
    out
}
