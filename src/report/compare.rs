//! One model on every chip, system and choice of compute units at a glance, and two plans side by side.
//!
//! Devices with one chip and one system get one plan, so a row stands for all of them. Invariant: every cell is the
//! answer that `planner place` and `planner plan` give for that device. Absent on purpose: drawing.

use serde::Serialize;

use crate::{
    catalog::{Catalog, Device, DeviceKind},
    estimate::Subject,
    machine,
    model::Model,
    scenario::{DeviceRef, Units},
    units::format::number,
    variant::{Storage, Variant},
};

use super::{
    answer::default_os,
    controls,
    place::{self, PlaceDocument},
    plan::{FigureDocument, table},
    words,
};

/// The document of `planner compare --json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CompareDocument {
    /// `coreml-planner/compare/1`.
    pub schema: &'static str,
    /// The model's name.
    pub model: String,
    /// What is done to it.
    pub variant: String,
    /// One row for each chip and system, newest chips last.
    pub rows: Vec<CompareRow>,
}

/// One chip with one system.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CompareRow {
    /// Chip id.
    pub soc: String,
    /// Chip name.
    pub chip: String,
    /// The system, with the version.
    pub os: String,
    /// Id of the device that stands for the others.
    pub device: String,
    /// Devices that have this plan.
    pub devices: Vec<String>,
    /// A cell for each choice of units, in the order of [`Units::EVERY`].
    pub cells: Vec<CompareCell>,
}

/// One choice of units there.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CompareCell {
    /// Compute units.
    pub units: &'static str,
    /// Whether the system loads the model.
    pub loads: bool,
    /// `ane`, `mostly_ane`, `mixed`, `cpu` or `gpu`, over all functions.
    pub label: &'static str,
    /// Share of operations on the Neural Engine.
    pub ane_op_share: f64,
    /// Share of the planner's cost on the Neural Engine.
    pub ane_cost_share: f64,
    /// Runs of operations on one unit.
    pub n_segments: u64,
    /// Rules that make the Neural Engine's compiler a risk.
    pub n_risks: u64,
    /// Time of one job, for models that write no tokens.
    pub latency_s: Option<FigureDocument>,
    /// Generated tokens a second, for language models.
    pub decode_tokens_per_s: Option<FigureDocument>,
}

/// Which systems are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Systems {
    /// The one that a device is planned on when nobody says otherwise.
    Usual,
    /// Every one that the planner knows of.
    Every,
}

/// A chip with a system, and the devices that are the same there.
struct Row {
    soc: String,
    os: u8,
    family: crate::catalog::OsFamily,
    devices: Vec<&'static Device>,
}

/// Rows in the order of the catalogue's chips; limits differ between phones and Macs, so kinds with other limits split.
fn rows(systems: Systems) -> Vec<Row> {
    let catalog = Catalog::get();
    let mut rows: Vec<Row> = Vec::new();
    for soc in &catalog.socs {
        for device in catalog.devices.iter().filter(|device| device.soc == soc.id) {
            if matches!(device.kind, DeviceKind::Accessory) {
                continue;
            }
            let choice = DeviceRef::Known { id: device.id.clone(), ram_gib: None };
            let versions = match systems {
                Systems::Usual => vec![default_os(&choice)],
                Systems::Every => controls::systems(&choice).into_iter().map(|(version, _)| version).collect(),
            };
            for os in versions {
                let same = |row: &&mut Row| row.soc == soc.id && row.os == os && row.family == device.os;
                match rows.iter_mut().find(same) {
                    Some(row) => row.devices.push(device),
                    None => {
                        rows.push(Row { soc: soc.id.clone(), os, family: device.os, devices: vec![device] });
                    }
                }
            }
        }
    }
    rows
}

/// The document of one variant; `None` takes the model as it is written.
#[must_use]
pub fn document(model: &Model, variant: Option<Variant>, entitled: bool, systems: Systems) -> CompareDocument {
    let storage = Storage::of(model);
    let mut document = CompareDocument {
        schema: "coreml-planner/compare/1",
        model: model.name.clone(),
        variant: String::new(),
        rows: Vec::new(),
    };
    let mut stored = None;
    for row in rows(systems) {
        let Some(first) = row.devices.first() else { continue };
        let choice = DeviceRef::Known { id: first.id.clone(), ram_gib: None };
        let Ok(machine) = machine::resolve(&choice, row.os) else { continue };
        let subject = Subject::new(model, &machine, entitled);
        let variant = variant.unwrap_or_else(|| subject.own_variant());
        let (known, stored) = stored.get_or_insert_with(|| (variant, storage.store(&variant)));
        if *known != variant {
            (*known, *stored) = (variant, storage.store(&variant));
        }
        document.variant = variant.id();
        let cell = |units: Units| {
            let placed = place::document(&subject, &variant, stored, units);
            let estimate = subject.estimate(&variant, stored, units);
            CompareCell {
                latency_s: estimate.latency.ok().map(Into::into),
                decode_tokens_per_s: estimate.decode.ok().map(Into::into),
                ..summed(&placed)
            }
        };
        document.rows.push(CompareRow {
            chip: Catalog::get().soc(&row.soc).map_or_else(|| row.soc.clone(), |soc| soc.name.clone()),
            soc: row.soc,
            os: words::os(row.family, row.os),
            device: first.id.clone(),
            devices: row.devices.iter().map(|device| device.name.clone()).collect(),
            cells: Units::EVERY.into_iter().map(cell).collect(),
        });
    }
    document
}

/// All functions of a plan together, each weighing as many operations as it has.
fn summed(placed: &PlaceDocument) -> CompareCell {
    let (mut ane, mut gpu, mut cpu, mut n_segments, mut n_risks) = (0, 0, 0, 0, 0);
    let (mut cost, mut n_functions) = (0.0, 0.0);
    for function in &placed.functions {
        let summary = &function.summary;
        (ane, gpu, cpu) = (ane + summary.ane_ops, gpu + summary.gpu_ops, cpu + summary.cpu_ops);
        n_segments += summary.n_segments;
        n_risks += summary.risks.len() as u64;
        cost += summary.ane_cost_share;
        n_functions += 1.0;
    }
    let n_ops = ane + gpu + cpu;
    let label = match placed.functions.as_slice() {
        [only] => only.summary.label,
        _ if n_ops > 0 && ane * 100 >= n_ops * 99 => "ane",
        _ if n_ops > 0 && ane * 100 >= n_ops * 80 => "mostly_ane",
        _ if ane > 0 => "mixed",
        _ if gpu > cpu => "gpu",
        _ => "cpu",
    };
    CompareCell {
        units: placed.units,
        loads: placed.loads,
        label,
        ane_op_share: if n_ops > 0 { ane as f64 / n_ops as f64 } else { 0.0 },
        ane_cost_share: if n_functions > 0.0 { cost / n_functions } else { 0.0 },
        n_segments,
        n_risks,
        latency_s: None,
        decode_tokens_per_s: None,
    }
}

/// The document as a table for a terminal.
#[must_use]
pub fn text(document: &CompareDocument) -> String {
    let mut lines = vec![["chip", "system", "all", "CPU + Neural Engine", "CPU + GPU", "CPU only"].map(str::to_owned)];
    for row in &document.rows {
        let mut cells = row.cells.iter().map(|cell| {
            if !cell.loads {
                return "does not load".to_owned();
            }
            let speed = match (&cell.decode_tokens_per_s, &cell.latency_s) {
                (Some(decode), _) => format!("{} tok/s", number(decode.value)),
                (None, Some(latency)) => format!("{} ms", number(latency.value * 1e3)),
                (None, None) => "no data".to_owned(),
            };
            format!("{} {:.0} % · {speed}", cell.label.replace('_', " "), cell.ane_cost_share * 100.0)
        });
        let mut next = || cells.next().unwrap_or_default();
        let (all, ne, gpu, cpu) = (next(), next(), next(), next());
        lines.push([row.chip.clone(), row.os.clone(), all, ne, gpu, cpu]);
    }
    let mut out = format!(
        "{}, {}: share of Core ML's own cost on the Neural Engine, and speed. Predicted, not measured.\n\n",
        document.model, document.variant
    );
    table(&lines, &mut out);
    out
}

/// Two plans of one model side by side: the operations that go elsewhere.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// Function name.
    pub function: String,
    /// Operations that both plans have.
    pub n_common: u64,
    /// Operations whose unit differs.
    pub moved: Vec<Moved>,
}

/// An operation that two plans put on different units.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Moved {
    /// Its MIL name.
    pub output: String,
    /// Its type.
    pub op: String,
    /// Where the first plan has it.
    pub before: &'static str,
    /// Where the second has it.
    pub after: &'static str,
    /// Its share of the cost in the first plan.
    pub cost_share: f64,
}

/// What differs between two plans, function by function; operations are matched by the name of their result.
#[must_use]
pub fn difference(before: &PlaceDocument, after: &PlaceDocument) -> Vec<Difference> {
    let mut all = Vec::new();
    for function in &before.functions {
        let Some(other) = after.functions.iter().find(|other| other.name == function.name) else { continue };
        let by_output: std::collections::HashMap<&str, &place::OpPlace> =
            other.ops.iter().map(|op| (op.output.as_str(), op)).collect();
        let (mut n_common, mut moved) = (0, Vec::new());
        for op in &function.ops {
            let Some(twin) = by_output.get(op.output.as_str()).filter(|twin| twin.op == op.op) else { continue };
            n_common += 1;
            if twin.predicted != op.predicted {
                moved.push(Moved {
                    output: op.output.clone(),
                    op: op.op.clone(),
                    before: op.predicted,
                    after: twin.predicted,
                    cost_share: op.cost_share,
                });
            }
        }
        all.push(Difference { function: function.name.clone(), n_common, moved });
    }
    all
}
