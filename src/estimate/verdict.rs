//! Whether a variant ships: each limit asked on its own, the binding one named.

use crate::{
    catalog::{Catalog, DeviceKind, OsFamily},
    machine::Unit,
    placement::Plan,
    scenario::Units,
    units::{Bytes, Figure, Quantity},
    variant::{Runtime, Stored, Variant},
};

use super::{Memory, Subject};

/// What a limit says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Inside, range and all.
    Fits,
    /// Nobody published the limit, or the number.
    Unknown,
    /// Inside, but not by much, or only with help.
    Tight,
    /// Outside.
    Fails,
}

/// Which limit it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LimitKind {
    /// The OS must be able to load the variant.
    OsSupport,
    /// Run-time memory against what one app may use.
    AppMemory,
    /// The app's uncompressed size in the App Store.
    AppSize,
    /// Background Assets, where the model does not fit the app.
    BackgroundAssets,
    /// The App Store's question before a download over a mobile network.
    CellularPrompt,
    /// The largest weight file that the Neural Engine's loader takes.
    AneWeightFile,
    /// What one model on the Neural Engine of a phone or tablet may weigh in practice.
    AneModel,
    /// How much of the work the Neural Engine gets, when it was asked for.
    AneShare,
}

/// Whether a limit decides, or only advises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// The variant does not ship when it fails.
    Decides,
    /// Worth knowing.
    Advises,
}

/// One limit's answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    /// The limit.
    pub kind: LimitKind,
    /// Its answer.
    pub status: Status,
    /// Whether it decides.
    pub weight: Weight,
    /// What the variant needs, where the limit is a size.
    pub need: Option<Figure<Bytes>>,
    /// What there is, where the limit is a size.
    pub allowed: Option<Figure<Bytes>>,
    /// What there is with the increased-memory entitlement, where that differs.
    pub allowed_entitled: Option<Figure<Bytes>>,
    /// A specification version or a percentage, where the limit is one.
    pub number: u32,
}

/// The verdict that binds: the worst of those that decide, else the worst that advises.
#[must_use]
pub fn overall(verdicts: &[Verdict]) -> Option<&Verdict> {
    let worst = |weight: Weight| {
        let mut found: Option<&Verdict> = None;
        for verdict in verdicts.iter().filter(|verdict| verdict.weight == weight) {
            if found.is_none_or(|best| verdict.status > best.status) {
                found = Some(verdict);
            }
        }
        found
    };
    worst(Weight::Decides)
}

/// The Core ML specification version that an OS version loads; 0 when it is older than Core ML programs.
#[must_use]
pub(super) fn os_level(os: OsFamily, version: u8) -> u32 {
    match crate::machine::ios_level(os, version) {
        26.. => 10,
        18.. => 9,
        17 => 8,
        16 => 7,
        15 => 6,
        14 => 5,
        13 => 4,
        _ => 0,
    }
}

fn limit_bytes(id: &str) -> Option<Bytes> {
    Catalog::get().limit(id).and_then(|limit| limit.bytes).map(Bytes::of)
}

#[allow(clippy::too_many_arguments, reason = "each is one of the things that a limit is asked about")]
pub(super) fn verdicts(
    subject: &Subject<'_>,
    variant: &Variant,
    stored: &Stored,
    units: Units,
    bundle: &Figure<Bytes>,
    download: &Figure<Bytes>,
    memory: &Memory,
    plans: &[Plan],
) -> Vec<Verdict> {
    let machine = subject.machine;
    let mut all = Vec::with_capacity(6);
    let needed = subject.needed_spec(variant);
    if variant.runtime == Runtime::CoreMl {
        let status = if os_level(machine.os, machine.os_version) >= needed { Status::Fits } else { Status::Fails };
        all.push(plain(LimitKind::OsSupport, status, Weight::Decides, needed));
    }
    all.push(app_memory(subject, &memory.total()));
    if matches!(machine.kind, DeviceKind::Phone | DeviceKind::Tablet | DeviceKind::Tv | DeviceKind::Headset) {
        all.push(app_size(subject, bundle));
        if let Some(prompt) = limit_bytes("cellular-prompt") {
            let status = against(download, &Figure::exact(prompt));
            // A question to the person is no refusal.
            let status = if status == Status::Fails { Status::Tight } else { status };
            all.push(sized(LimitKind::CellularPrompt, status, Weight::Advises, *download, prompt));
        }
    }
    let wants_ane = variant.runtime == Runtime::CoreMl && matches!(units, Units::All | Units::CpuAndNe);
    if wants_ane && machine.ane.is_some() {
        let file = Figure::exact(Bytes::new(stored.weight_file));
        if let Some(most) = limit_bytes("ane-weight-file")
            && file.value >= most * 0.9
        {
            all.push(sized(
                LimitKind::AneWeightFile,
                against(&file, &Figure::exact(most)),
                Weight::Advises,
                file,
                most,
            ));
        }
        let is_mobile = matches!(machine.kind, DeviceKind::Phone | DeviceKind::Tablet);
        let uses_ane = plans.iter().any(|plan| plan.n_ops.first().is_some_and(|n| *n > 0));
        if is_mobile
            && uses_ane
            && let Some(most) = limit_bytes("ane-model-ios")
            && file.value > most
        {
            // A practical ceiling that shipped apps pass by splitting the model.
            all.push(sized(LimitKind::AneModel, Status::Tight, Weight::Advises, file, most));
        }
        if units == Units::CpuAndNe && !plans.is_empty() {
            let (mut ane, mut every) = (0.0, 0.0);
            for plan in plans {
                every += plan.seconds.iter().sum::<f64>();
                ane += plan.seconds.get(Unit::Ane.idx()).copied().unwrap_or(0.0);
            }
            let percent = if every > 0.0 { (100.0 * ane / every) as u32 } else { 0 };
            let status = if percent >= 80 { Status::Fits } else { Status::Tight };
            all.push(plain(LimitKind::AneShare, status, Weight::Advises, percent));
        }
    }
    all
}

/// A need against a limit, ranges and all: tight is whatever is neither clearly inside nor clearly outside.
fn against(need: &Figure<Bytes>, limit: &Figure<Bytes>) -> Status {
    if need.high <= limit.low * 0.9 {
        Status::Fits
    } else if need.value > limit.value {
        Status::Fails
    } else {
        Status::Tight
    }
}

fn app_memory(subject: &Subject<'_>, need: &Figure<Bytes>) -> Verdict {
    let machine = subject.machine;
    let limit = machine.memory_limit(subject.entitled);
    let status = match limit {
        None => match machine.ram {
            // Nobody published the limit, but an app never gets more than all of the RAM.
            Some(ram) if need.low > ram => Status::Fails,
            _ => Status::Unknown,
        },
        Some(limit) => against(need, &limit),
    };
    Verdict {
        kind: LimitKind::AppMemory,
        status,
        weight: Weight::Decides,
        need: Some(*need),
        allowed: limit,
        allowed_entitled: machine.app_memory_entitled,
        number: 0,
    }
}

/// Inside the app if it fits there; else as Background Assets, which are new with OS 26.
fn app_size(subject: &Subject<'_>, bundle: &Figure<Bytes>) -> Verdict {
    let Some(most) = limit_bytes("app-uncompressed") else {
        return plain(LimitKind::AppSize, Status::Unknown, Weight::Decides, 0);
    };
    match against(bundle, &Figure::exact(most)) {
        Status::Fails => {
            // Outside the app it still ships: as managed Background Assets from OS 26 on, or as the app's own download.
            let number = u32::from(subject.machine.os_version);
            let mut verdict = sized(LimitKind::BackgroundAssets, Status::Tight, Weight::Decides, *bundle, most);
            verdict.number = number;
            verdict
        }
        status => sized(LimitKind::AppSize, status, Weight::Decides, *bundle, most),
    }
}

fn plain(kind: LimitKind, status: Status, weight: Weight, number: u32) -> Verdict {
    Verdict { kind, status, weight, need: None, allowed: None, allowed_entitled: None, number }
}

fn sized(kind: LimitKind, status: Status, weight: Weight, need: Figure<Bytes>, most: Bytes) -> Verdict {
    let allowed = Some(Figure::exact(most));
    Verdict { kind, status, weight, need: Some(need), allowed, allowed_entitled: None, number: 0 }
}
