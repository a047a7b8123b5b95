//! Planning backwards: which model fits, which variant is the smallest that is fast enough, which devices run a plan.
//!
//! Each question asks the same estimate as the matrix, again and again, and ranks what passes; what does not pass keeps
//! the limit that stopped it. Invariant: an answer that passes at its likely value but not at the bad end of its range
//! is marked [`Sureness::Likely`]. Absent on purpose: a search over models that are in no catalogue.

pub mod document;

use serde::Serialize;

use crate::{
    catalog::{Catalog, Device, DeviceKind, OsFamily, Preset, PresetKind},
    estimate::{Estimate, Status, Subject, VerdictWeight, overall},
    lower::{self, Workload},
    machine::{self, Machine},
    model::Model,
    scenario::{DeviceRef, Pick, Scenario, Units},
    texts::{backwards as text, words::NO_DATA},
    units::{
        Bytes, Figure, Quantity, Seconds, TokensPerSec,
        format::{number, si_bytes},
    },
    variant::{self, ModelKind, Runtime, Storage, Variant},
};

use super::{
    answer::{default_os, keeps_quality},
    words,
};

/// What an answer has to reach. Whatever is `None` is not asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Want {
    /// Generated tokens a second, at least.
    pub decode: Option<TokensPerSec>,
    /// Time of one job, at most; for models that write no tokens.
    pub latency: Option<Seconds>,
    /// Run-time memory, at most.
    pub memory: Option<Bytes>,
    /// Bundle, at most.
    pub bundle: Option<Bytes>,
    /// Only these compute units.
    pub units: Option<Units>,
    /// Variants that need retraining or calibration as well.
    pub any_quality: bool,
}

/// How sure an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Sureness {
    /// Passes over its whole range.
    Sure,
    /// Passes at the likely value, but not at the bad end of the range.
    Likely,
    /// Nobody published what decides it.
    Unknown,
    /// Does not pass.
    No,
}

/// One choice of variant and units on one machine, judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// The choice.
    pub pick: Pick,
    /// How sure it is.
    pub sureness: Sureness,
    /// The limit that binds, in words; empty when everything passes.
    pub binds: String,
    /// The limit that comes next when everything passes, in words; empty where no limit is a number.
    pub nearest: String,
    /// The package.
    pub bundle: Figure<Bytes>,
    /// Run-time memory.
    pub memory: Figure<Bytes>,
    /// Generated tokens a second, for language models.
    pub decode: Option<Figure<TokensPerSec>>,
    /// Time of one job, for the others.
    pub latency: Option<Figure<Seconds>>,
}

impl Judged {
    /// Speed as a number that grows with speed.
    fn speed(&self) -> f64 {
        match (&self.decode, &self.latency) {
            (Some(decode), _) => decode.value.get(),
            (None, Some(latency)) if latency.value.get() > 0.0 => 1.0 / latency.value.get(),
            _ => 0.0,
        }
    }

    /// `12 tok/s`, `3.1 ms`, or that nothing is known.
    #[must_use]
    pub fn speed_text(&self) -> String {
        match (&self.decode, &self.latency) {
            (Some(decode), _) => words::token_range(decode),
            (None, Some(latency)) => words::time_range(latency),
            (None, None) => NO_DATA.to_owned(),
        }
    }
}

/// A need against a wish, at the likely value and at the bad end.
fn at_most<Q: Quantity>(need: &Figure<Q>, most: Q) -> Sureness {
    if need.high <= most {
        Sureness::Sure
    } else if need.value <= most {
        Sureness::Likely
    } else {
        Sureness::No
    }
}

fn judge(estimate: &Estimate, machine: &Machine, pick: Pick, want: &Want) -> Judged {
    let mut judged = Judged {
        pick,
        sureness: Sureness::Sure,
        binds: String::new(),
        nearest: String::new(),
        bundle: estimate.bundle,
        memory: estimate.memory.total(),
        decode: estimate.decode.ok(),
        latency: estimate.latency.ok(),
    };
    let mut hold = |sureness: Sureness, binds: &dyn Fn() -> String| {
        if sureness > judged.sureness {
            judged.sureness = sureness;
            judged.binds = binds();
        }
    };
    match overall(&estimate.verdicts) {
        Some(verdict) => {
            let sureness = match verdict.status {
                Status::Fits => Sureness::Sure,
                Status::Tight => Sureness::Likely,
                Status::Unknown => Sureness::Unknown,
                Status::Fails => Sureness::No,
            };
            hold(sureness, &|| words::verdict(verdict, machine));
        }
        None => hold(Sureness::Unknown, &|| text::NO_LIMIT.to_owned()),
    }
    if let Some(most) = want.memory {
        let memory = estimate.memory.total();
        hold(at_most(&memory, most), &|| text::of_memory(&si_bytes(memory.value)));
    }
    if let Some(most) = want.bundle {
        hold(at_most(&estimate.bundle, most), &|| text::a_bundle(&si_bytes(estimate.bundle.value)));
    }
    if let Some(least) = want.decode {
        match estimate.decode {
            Ok(decode) => {
                let sureness = if decode.low >= least {
                    Sureness::Sure
                } else if decode.value >= least {
                    Sureness::Likely
                } else {
                    Sureness::No
                };
                hold(sureness, &|| words::token_range(&decode));
            }
            Err(absent) => hold(Sureness::No, &|| words::absent(absent).to_owned()),
        }
    }
    if let Some(most) = want.latency {
        match estimate.latency {
            Ok(latency) => hold(at_most(&latency, most), &|| words::time_range(&latency)),
            Err(absent) => hold(Sureness::No, &|| words::absent(absent).to_owned()),
        }
    }
    if judged.binds.is_empty() {
        judged.nearest = nearest(estimate, machine, want);
    }
    judged
}

/// What would bind first if the model grew: the limit of which most is used up at the bad end.
fn nearest(estimate: &Estimate, machine: &Machine, want: &Want) -> String {
    let mut used: Option<(f64, String)> = None;
    let mut hold = |share: f64, said: &dyn Fn() -> String| {
        if share.is_finite() && used.as_ref().is_none_or(|(most, _)| share > *most) {
            used = Some((share, said()));
        }
    };
    for own in estimate.verdicts.iter().filter(|own| own.weight == VerdictWeight::Decides) {
        if let (Some(need), Some(allowed)) = (own.need, own.allowed) {
            hold(need.high.get() / allowed.value.get(), &|| words::verdict(own, machine));
        }
    }
    let memory = estimate.memory.total();
    type Say = fn(&str, &str) -> String;
    let wishes: [(_, _, Say); 2] =
        [(memory, want.memory, text::near_memory), (estimate.bundle, want.bundle, text::near_bundle)];
    for (need, most, say) in wishes {
        if let Some(most) = most {
            let said = || say(&si_bytes(need.value), &si_bytes(most));
            hold(need.high.get() / most.get(), &said);
        }
    }
    if let (Some(least), Ok(decode)) = (want.decode, estimate.decode) {
        hold(least.get() / decode.low.get(), &|| words::token_range(&decode));
    }
    if let (Some(most), Ok(latency)) = (want.latency, estimate.latency) {
        hold(latency.high.get() / most.get(), &|| words::time_range(&latency));
    }
    used.map(|(_, text)| text).unwrap_or_default()
}

/// Every Core ML choice that the wish allows, in the order of the matrix.
fn picks(kind: ModelKind, want: &Want) -> Vec<Pick> {
    let variants = variant::EVERY.iter().filter(|variant| {
        variant.runtime == Runtime::CoreMl && variant.applies_to(kind) && (want.any_quality || keeps_quality(variant))
    });
    let units = |units: &Units| want.units.is_none_or(|own| own == *units);
    variants
        .flat_map(|variant| Units::EVERY.into_iter().filter(units).map(|units| Pick { variant: *variant, units }))
        .collect()
}

/// What a model can do on a machine, choice by choice.
fn judge_all(model: &Model, machine: &Machine, entitled: bool, want: &Want) -> Vec<Judged> {
    let subject = Subject::new(model, machine, entitled);
    let storage = Storage::of(model);
    let mut stored: Option<(Variant, variant::Stored)> = None;
    let mut all = Vec::new();
    for pick in picks(ModelKind::of(model), want) {
        if stored.as_ref().is_none_or(|(own, _)| *own != pick.variant) {
            stored = Some((pick.variant, storage.store(&pick.variant)));
        }
        if let Some((_, stored)) = &stored {
            let estimate = subject.estimate(&pick.variant, stored, pick.units);
            all.push(judge(&estimate, machine, pick, want));
        }
    }
    all
}

/// The surest choice; of those the fastest.
fn best(all: Vec<Judged>) -> Option<Judged> {
    all.into_iter().reduce(|a, b| if (b.sureness, -b.speed()) < (a.sureness, -a.speed()) { b } else { a })
}

/// A model of the catalogue on the device of the scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelRow {
    /// Preset id.
    pub id: &'static str,
    /// What a person calls it.
    pub name: &'static str,
    /// Published parameters.
    pub params: f64,
    /// Its best choice.
    pub best: Judged,
}

/// The models of one kind, the largest that passes first; those that do not pass follow, smallest first.
#[must_use]
pub fn models(scenario: &Scenario, machine: &Machine, kind: PresetKind, want: &Want) -> Vec<ModelRow> {
    let workload = Workload { context: scenario.context, prompt: scenario.prompt };
    let presets = Catalog::get().presets.iter().filter(|preset| preset.kind == kind);
    let row = |preset: &'static Preset| {
        let model = lower::lower(preset, &workload);
        let best = best(judge_all(&model, machine, scenario.entitled, want))?;
        Some(ModelRow { id: &preset.id, name: &preset.name, params: preset.params.value, best })
    };
    let mut rows: Vec<ModelRow> = presets.filter_map(row).collect();
    let passes = |row: &ModelRow| row.best.sureness != Sureness::No;
    crate::order::by(&mut rows, |a, b| match (passes(a), passes(b)) {
        (true, false) => true,
        (false, true) => false,
        (true, true) => a.params > b.params,
        (false, false) => a.params < b.params,
    });
    rows
}

/// A choice of variant and units over several devices.
#[derive(Clone, Debug, PartialEq)]
pub struct VariantRow {
    /// The choice.
    pub pick: Pick,
    /// The worst sureness of all devices.
    pub sureness: Sureness,
    /// The bundle.
    pub bundle: Figure<Bytes>,
    /// Id of the device that decides: the slowest, or the first that does not pass.
    pub id: String,
    /// Its name.
    pub device: String,
    /// How it does there.
    pub there: Judged,
}

/// The choices that pass on every device, the smallest bundle first; those that fail somewhere follow.
#[must_use]
pub fn variants(model: &Model, machines: &[(String, Machine)], entitled: bool, want: &Want) -> Vec<VariantRow> {
    let mut rows: Vec<VariantRow> = Vec::new();
    for (id, machine) in machines {
        for judged in judge_all(model, machine, entitled, want) {
            let found = rows.iter_mut().find(|row| row.pick == judged.pick);
            match found {
                Some(row) => {
                    let is_worse = judged.sureness > row.sureness
                        || (judged.sureness == row.sureness && judged.speed() < row.there.speed());
                    if is_worse {
                        row.sureness = judged.sureness;
                        row.id.clone_from(id);
                        row.device.clone_from(&machine.name);
                        row.there = judged;
                    }
                }
                None => rows.push(VariantRow {
                    pick: judged.pick,
                    sureness: judged.sureness,
                    bundle: judged.bundle,
                    id: id.clone(),
                    device: machine.name.clone(),
                    there: judged,
                }),
            }
        }
    }
    crate::order::by(&mut rows, |a, b| {
        let rank = |row: &VariantRow| (row.sureness == Sureness::No, row.bundle.value.get(), -row.there.speed());
        rank(a) < rank(b)
    });
    rows
}

/// A device under one plan.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceRow {
    /// Device id.
    pub id: String,
    /// Product name.
    pub name: String,
    /// Share of the fleet, from 0 to 1.
    pub share: f64,
    /// How it does; `None` when the device is not known.
    pub judged: Option<Judged>,
}

/// How a fleet does under one plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Fleet {
    /// One row for each device.
    pub rows: Vec<DeviceRow>,
    /// Share of the fleet that surely runs it.
    pub sure: f64,
    /// Share that runs it at the likely value.
    pub likely: f64,
    /// Share nobody can tell.
    pub unknown: f64,
}

/// Which devices run one choice; shares need not sum to one.
#[must_use]
pub fn fleet(model: &Model, pick: Pick, devices: &[(DeviceRef, u8, f64)], entitled: bool, want: &Want) -> Fleet {
    let storage = Storage::of(model);
    let stored = storage.store(&pick.variant);
    let total: f64 = devices.iter().map(|(_, _, share)| share.max(0.0)).sum();
    let mut fleet = Fleet { rows: Vec::new(), sure: 0.0, likely: 0.0, unknown: 0.0 };
    for (device, os, share) in devices {
        let share = if total > 0.0 { share.max(0.0) / total } else { 0.0 };
        let id = match device {
            DeviceRef::Known { id, .. } => id.clone(),
            DeviceRef::Custom(_) => super::controls::CUSTOM.to_owned(),
        };
        let Ok(machine) = machine::resolve(device, *os) else {
            fleet.unknown += share;
            fleet.rows.push(DeviceRow { name: id.clone(), id, share, judged: None });
            continue;
        };
        let subject = Subject::new(model, &machine, entitled);
        let judged = judge(&subject.estimate(&pick.variant, &stored, pick.units), &machine, pick, want);
        match judged.sureness {
            Sureness::Sure => fleet.sure += share,
            Sureness::Likely => fleet.likely += share,
            Sureness::Unknown => fleet.unknown += share,
            Sureness::No => {}
        }
        fleet.rows.push(DeviceRow { id, name: machine.name.clone(), share, judged: Some(judged) });
    }
    fleet
}

/// A device and all of its kind whose chip is as new or newer: `iPhone 13 and later`.
#[must_use]
pub fn and_later(id: &str) -> Vec<&'static Device> {
    let catalog = Catalog::get();
    let Some(first) = catalog.device(id) else { return Vec::new() };
    let year = |device: &Device| catalog.soc(&device.soc).map_or(0, |soc| soc.year);
    let from = year(first);
    catalog
        .devices
        .iter()
        .filter(|device| device.kind == first.kind && device.os == first.os && year(device) >= from)
        .collect()
}

/// Every device that runs apps, with the OS it is planned on.
#[must_use]
pub fn every_device() -> Vec<(DeviceRef, u8)> {
    let runs_apps = |device: &&Device| device.kind != DeviceKind::Accessory && device.os != OsFamily::Watchos;
    let as_choice = |device: &Device| {
        let device = DeviceRef::Known { id: device.id.clone(), ram_gib: None };
        let os = default_os(&device);
        (device, os)
    };
    Catalog::get().devices.iter().filter(runs_apps).map(as_choice).collect()
}

/// The parameters of a model in a few words: `3.2 B`.
#[must_use]
pub fn params(count: f64) -> String {
    // What rounds to 1000 M is 1.00 B.
    if count >= 0.9995e9 { format!("{} B", number(count / 1e9)) } else { format!("{} M", number(count / 1e6)) }
}
