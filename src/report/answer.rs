//! The whole matrix of one scenario, and the cell that answers it.

use crate::{
    catalog::{Catalog, DeviceKind, OsFamily, Preset},
    estimate::{Estimate, Status, Subject, overall},
    format::Package,
    lower::{self, Workload},
    machine::{self, Machine},
    model::Model,
    scenario::{DeviceRef, ModelRef, Pick, Scenario, Units},
    texts::answer as text,
    variant::{self, Compression, ModelKind, Precision, Runtime, ScaleScope, Storage, TableScope, Variant},
};

/// Why a scenario has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unanswerable {
    /// No such preset.
    UnknownPreset(String),
    /// No such device.
    UnknownDevice(String),
    /// The link names a package that has to be opened here first.
    PackageMissing(String),
}

impl std::fmt::Display for Unanswerable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::UnknownPreset(id) => f.write_str(&text::no_preset(id)),
            Self::UnknownDevice(id) => f.write_str(&text::no_device(id)),
            Self::PackageMissing(name) => f.write_str(&text::package(name)),
        }
    }
}

/// A model with its kind, as a scenario names it.
pub struct Chosen {
    /// The graph.
    pub model: Model,
    /// The preset, when it is one.
    pub preset: Option<&'static Preset>,
}

/// Finds the model of a scenario.
pub fn choose(scenario: &Scenario, package: Option<&Package>) -> Result<Chosen, Unanswerable> {
    match &scenario.model {
        ModelRef::Preset(id) => {
            let preset = Catalog::get().preset(id).ok_or_else(|| Unanswerable::UnknownPreset(id.clone()))?;
            let workload = Workload { context: scenario.context, prompt: scenario.prompt };
            Ok(Chosen { model: lower::lower(preset, &workload), preset: Some(preset) })
        }
        ModelRef::Package(name) => match package {
            Some(package) => Ok(Chosen { model: package.model.clone().at_default_shapes(), preset: None }),
            None => Err(Unanswerable::PackageMissing(name.clone())),
        },
    }
}

/// Finds the machine of a scenario.
pub fn machine(scenario: &Scenario) -> Result<Machine, Unanswerable> {
    machine::resolve(&scenario.device, scenario.os).map_err(|unknown| Unanswerable::UnknownDevice(unknown.0))
}

/// The OS version that a device is planned on when nobody says otherwise: the first that runs every variant of the
/// matrix, or the device's own first one if that is newer.
#[must_use]
pub fn default_os(device: &DeviceRef) -> u8 {
    let row = match device {
        DeviceRef::Known { id, .. } => Catalog::get().device(id),
        DeviceRef::Custom(_) => None,
    };
    let common = match row.map(|row| row.os) {
        Some(OsFamily::Macos) => 15,
        Some(OsFamily::Watchos) => 11,
        Some(OsFamily::Visionos) => 2,
        Some(OsFamily::Ios | OsFamily::Ipados | OsFamily::Tvos) | None => 18,
    };
    let first = row.and_then(|row| row.os_first).unwrap_or(common);
    let last = row.and_then(|row| row.os_last).unwrap_or(u8::MAX);
    first.max(common).min(last)
}

/// One cell of the matrix.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// What is done to the model.
    pub variant: Variant,
    /// Where it may run.
    pub units: Units,
    /// Whether it leaves an opened file as it is.
    pub as_opened: bool,
    /// What comes of it.
    pub estimate: Estimate,
}

impl Cell {
    /// What is done to the model, in a few words.
    #[must_use]
    pub fn label(&self) -> String {
        if self.as_opened { text::UNCHANGED.to_owned() } else { self.variant.label() }
    }

    /// The status of the verdict that binds.
    #[must_use]
    pub fn status(&self) -> Status {
        overall(&self.estimate.verdicts).map_or(Status::Unknown, |verdict| verdict.status)
    }
}

/// The whole matrix.
pub struct Answer {
    /// Every cell, variant by variant.
    pub cells: Vec<Cell>,
    /// The cell that the scenario picks, or the recommended one.
    pub picked: Option<usize>,
    /// The recommended cell.
    pub recommended: Option<usize>,
}

/// Estimates every variant on every choice of units.
#[must_use]
pub fn answer(chosen: &Chosen, machine: &Machine, scenario: &Scenario) -> Answer {
    answer_of(&Subject::new(&chosen.model, machine, scenario.entitled), scenario)
}

/// Estimates every variant on every choice of units, for a subject that the caller goes on using.
#[must_use]
pub fn answer_of(subject: &Subject<'_>, scenario: &Scenario) -> Answer {
    let machine = subject.machine;
    let kind = ModelKind::of(subject.model);
    let storage = Storage::of(subject.model);
    let mut cells = Vec::new();
    for variant in variant::EVERY {
        if !variant.applies_to(kind) {
            continue;
        }
        let stored = storage.store(variant);
        let choices: &[Units] = match variant.runtime {
            Runtime::CoreMl => &Units::EVERY,
            Runtime::LlamaCpp | Runtime::Mlx => &[Units::CpuAndGpu],
        };
        for units in choices {
            let estimate = subject.estimate(variant, &stored, *units);
            cells.push(Cell { variant: *variant, units: *units, as_opened: subject.is_as_opened(variant), estimate });
        }
    }
    let recommended = recommend(&cells, machine);
    let picked = scenario
        .pick
        .and_then(|pick| cells.iter().position(|cell| Pick { variant: cell.variant, units: cell.units } == pick))
        .or(recommended);
    Answer { cells, picked, recommended }
}

/// Whether published results let one expect usable quality without retraining: at least 8 bits, 6-bit tables, or 4 bits
/// with a table or scale for a small group (facts: coremltools palettization guide, OPT-1.3B and ResNet-50 tables).
#[must_use]
pub fn keeps_quality(variant: &Variant) -> bool {
    if variant.precision == Precision::W8A8 {
        // Activations need calibration data: a choice for whoever has it.
        return false;
    }
    match variant.compression {
        Compression::None => true,
        Compression::Palettized { bits, scope, vector } => {
            vector == 1
                && match scope {
                    TableScope::PerTensor => bits >= 6,
                    TableScope::PerGroupedChannel(_) => bits >= 4,
                }
        }
        Compression::Linear { bits, scope } => bits >= 8 || matches!(scope, ScaleScope::PerBlock(size) if size <= 32),
        Compression::Sparse { .. } | Compression::SparsePalettized { .. } => false,
        Compression::Gguf(_) | Compression::MlxGroup { .. } => true,
    }
}

/// The best cell for a Core ML app: it ships, keeps quality, and is the fastest of those.
fn recommend(cells: &[Cell], machine: &Machine) -> Option<usize> {
    let is_mobile = matches!(machine.kind, DeviceKind::Phone | DeviceKind::Tablet);
    let rank = |cell: &Cell| -> (u8, f64) {
        let status = match cell.status() {
            Status::Fits => 3,
            Status::Tight => 2,
            Status::Unknown => 1,
            Status::Fails => 0,
        };
        let speed = match (&cell.estimate.decode, &cell.estimate.latency) {
            (Ok(decode), _) => crate::units::Quantity::get(decode.value),
            (_, Ok(latency)) => 1.0 / crate::units::Quantity::get(latency.value),
            _ => 0.0,
        };
        // Within a few percent the smaller bundle wins on a phone, where every download counts.
        let size = crate::units::Quantity::get(cell.estimate.bundle.value);
        let thrift = if is_mobile { 1.0 / (1.0 + size / 1e11) } else { 1.0 };
        (status, speed * thrift)
    };
    let candidates = cells
        .iter()
        .enumerate()
        .filter(|(_, cell)| cell.variant.runtime == Runtime::CoreMl && keeps_quality(&cell.variant));
    let mut best: Option<(usize, (u8, f64))> = None;
    for (idx, cell) in candidates {
        let own = rank(cell);
        if best.is_none_or(|(_, other)| own > other) {
            best = Some((idx, own));
        }
    }
    best.map(|(idx, _)| idx)
}

impl Answer {
    /// Drops the cells that a person did not ask for.
    pub fn keep(&mut self, wanted: impl Fn(&Cell) -> bool) {
        let moved = |old: Option<usize>| {
            let idx = old.filter(|idx| self.cells.get(*idx).is_some_and(&wanted))?;
            Some(self.cells.iter().take(idx).filter(|cell| wanted(cell)).count())
        };
        let (recommended, picked) = (moved(self.recommended), moved(self.picked));
        self.cells.retain(|cell| wanted(cell));
        self.recommended = recommended;
        self.picked = picked.or(recommended).or(if self.cells.is_empty() { None } else { Some(0) });
    }
}
