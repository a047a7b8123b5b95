//! The text that a typed value of a plan calls for.

use crate::{
    catalog::OsFamily,
    catalog::QualityEffect,
    estimate::{Absent, LimitKind, Status, Verdict},
    machine::Machine,
    scenario::Units,
    texts::{names, words as text},
    units::{
        Bytes, Figure, Quantity, Seconds, TokensPerSec,
        format::{iec_bytes, number, seconds, si_bytes, thousands},
    },
};

/// The word for a status.
#[must_use]
pub fn status(status: Status) -> &'static str {
    match status {
        Status::Fits => text::FITS,
        Status::Tight => text::TIGHT,
        Status::Fails => text::FAILS,
        Status::Unknown => text::UNKNOWN,
    }
}

/// The id of a limit in documents.
#[must_use]
pub fn limit_id(kind: LimitKind) -> &'static str {
    match kind {
        LimitKind::OsSupport => "os-support",
        LimitKind::AppMemory => "app-memory",
        LimitKind::AppSize => "app-uncompressed",
        LimitKind::BackgroundAssets => "background-assets",
        LimitKind::CellularPrompt => "cellular-prompt",
        LimitKind::AneWeightFile => "ane-weight-file",
        LimitKind::AneModel => "ane-model-ios",
        LimitKind::AneShare => "ane-share",
    }
}

/// What a limit is called.
#[must_use]
pub fn limit_name(kind: LimitKind) -> &'static str {
    match kind {
        LimitKind::OsSupport => text::LIMIT_OS,
        LimitKind::AppMemory => text::LIMIT_MEMORY,
        LimitKind::AppSize | LimitKind::BackgroundAssets => text::LIMIT_APP,
        LimitKind::CellularPrompt => text::LIMIT_CELLULAR,
        LimitKind::AneWeightFile => text::LIMIT_WEIGHT_FILE,
        LimitKind::AneModel => text::LIMIT_ANE_MODEL,
        LimitKind::AneShare => text::LIMIT_ANE_SHARE,
    }
}

/// `iOS 18`, `macOS 15`.
#[must_use]
pub fn os(family: OsFamily, version: u8) -> String {
    let name = match family {
        OsFamily::Ios => "iOS",
        OsFamily::Ipados => "iPadOS",
        OsFamily::Macos => "macOS",
        OsFamily::Tvos => "tvOS",
        OsFamily::Watchos => "watchOS",
        OsFamily::Visionos => "visionOS",
    };
    format!("{name} {version}")
}

/// The OS releases that introduced a specification version.
#[must_use]
pub fn spec_os(spec: u32) -> &'static str {
    match spec {
        0..=5 => "iOS 14 / macOS 11",
        6 => "iOS 15 / macOS 12",
        7 => "iOS 16 / macOS 13",
        8 => "iOS 17 / macOS 14",
        9 => "iOS 18 / macOS 15",
        _ => "iOS 26 / macOS 26",
    }
}

/// How far the reading of a file is. Only parts of a file are read, so what was read is no share of its size.
#[must_use]
pub fn reading(read: f64, size: f64, seconds: u32) -> String {
    let (read, size) = (si_bytes(Bytes::of(read)), si_bytes(Bytes::of(size)));
    text::reading(&read, &size, &seconds.to_string())
}

/// What a choice of compute units is called.
#[must_use]
pub fn units(units: Units) -> &'static str {
    match units {
        Units::All => text::UNITS_ALL,
        Units::CpuAndNe => text::UNITS_ANE,
        Units::CpuAndGpu => text::UNITS_GPU,
        Units::CpuOnly => text::UNITS_CPU,
    }
}

/// What a choice of compute units is called within a sentence.
#[must_use]
pub fn on_units(units: Units) -> &'static str {
    match units {
        Units::All => text::ON_ALL,
        Units::CpuAndNe => text::ON_ANE,
        Units::CpuAndGpu => text::ON_GPU,
        Units::CpuOnly => text::ON_CPU,
    }
}

/// The word for where a number comes from; its id is the same in every language.
#[must_use]
pub fn basis(id: &'static str) -> &'static str {
    match id {
        "assumed" => text::ASSUMED,
        "derived" => text::DERIVED,
        "measured" => text::MEASURED,
        "exact" => text::EXACT,
        other => other,
    }
}

/// What the compute unit of an id is called; what is no unit keeps its own word.
#[must_use]
pub fn unit(id: &str) -> &str {
    match id {
        "ane" => names::ANE,
        "gpu" => names::GPU,
        "cpu" => names::CPU,
        other => other,
    }
}

/// The word for how sure a placement is.
#[must_use]
pub fn confidence(id: &'static str) -> &'static str {
    match id {
        "likely" => text::LIKELY,
        "plausible" => text::PLAUSIBLE,
        "unknown" => text::UNKNOWN,
        other => other,
    }
}

/// Where a function runs on the whole.
#[must_use]
pub fn where_it_runs(id: &'static str) -> &'static str {
    match id {
        "mostly_ane" => text::MOSTLY_ANE,
        "mixed" => text::MIXED,
        other => unit(other),
    }
}

/// Why a number is absent.
#[must_use]
pub fn absent(absent: Absent) -> &'static str {
    match absent {
        Absent::NotALanguageModel => text::NO_LANGUAGE_MODEL,
        Absent::IsALanguageModel => text::LANGUAGE_MODEL,
        Absent::NoGraph => text::NO_GRAPH,
        Absent::NoUnit => text::NO_UNIT,
        Absent::OsTooOld => text::OS_TOO_OLD,
    }
}

/// A limit's answer in one sentence.
#[must_use]
pub fn verdict(verdict: &Verdict, machine: &Machine) -> String {
    let need = verdict.need.map(|need| need.value).unwrap_or_default();
    let allowed = verdict.allowed.map(|allowed| allowed.value);
    let file = si_bytes(need);
    match verdict.kind {
        LimitKind::OsSupport => {
            let first = spec_os(verdict.number);
            match verdict.status {
                Status::Fits => text::loads(first),
                _ => text::needs_os(first, &os(machine.os, machine.os_version)),
            }
        }
        LimitKind::AppMemory => app_memory(verdict, machine),
        LimitKind::AppSize => match verdict.status {
            Status::Fits => text::app_fits(&file),
            _ => text::app_tight(&file),
        },
        LimitKind::BackgroundAssets => {
            if verdict.number >= 26 {
                text::assets_new(&file)
            } else {
                text::assets_old(&file)
            }
        }
        LimitKind::CellularPrompt => match verdict.status {
            Status::Fits => text::cellular_fits(&file),
            _ => text::cellular_asks(&file),
        },
        LimitKind::AneWeightFile => match verdict.status {
            Status::Fails => text::weight_file_fails(&file, &iec_bytes(allowed.unwrap_or_default())),
            _ => text::weight_file_tight(&file, &iec_bytes(allowed.unwrap_or_default())),
        },
        LimitKind::AneModel => {
            let most = allowed.unwrap_or_default();
            let parts = (need / most).ceil();
            text::ane_model(&file, &si_bytes(most), &thousands(parts.max(1.0)))
        }
        LimitKind::AneShare => match verdict.status {
            Status::Fits => text::ane_share_fits(&verdict.number.to_string()),
            _ => text::ane_share_fails(&verdict.number.to_string()),
        },
    }
}

fn app_memory(verdict: &Verdict, machine: &Machine) -> String {
    let need = verdict.need.map(|need| iec_bytes(need.value)).unwrap_or_default();
    let Some(allowed) = verdict.allowed else {
        let ram = machine.ram.map_or_else(|| text::UNKNOWN.to_owned(), iec_bytes);
        return match verdict.status {
            Status::Fails => text::more_than_ram(&need, &ram),
            _ => text::no_limit(&need, &ram),
        };
    };
    let room = iec_bytes(allowed.value);
    match verdict.status {
        Status::Fits => text::memory_fits(&need, &room),
        Status::Tight => text::memory_tight(&need, &room),
        Status::Unknown | Status::Fails => {
            let entitled = verdict.allowed_entitled.filter(|entitled| entitled.value > allowed.value);
            match entitled {
                Some(entitled) => text::memory_entitled(&need, &room, &iec_bytes(entitled.value)),
                None => text::memory_fails(&need, &room),
            }
        }
    }
}

/// `12–25 tok/s`; a range of one value is that value.
#[must_use]
pub fn token_range(figure: &Figure<TokensPerSec>) -> String {
    format!("{} tok/s", span(figure.low.get(), figure.high.get()))
}

/// `0.8–2.1 s`.
#[must_use]
pub fn time_range(figure: &Figure<Seconds>) -> String {
    let (low, high) = (figure.low.get(), figure.high.get());
    if low == high {
        seconds(figure.value)
    } else if figure.value.get() >= 1.0 {
        // The unit of the value itself, so that both read as one.
        format!("{} s", span(low, high))
    } else {
        format!("{} ms", span(low * 1e3, high * 1e3))
    }
}

/// `1.7–2.4 GiB`.
#[must_use]
pub fn memory_range(figure: &Figure<Bytes>) -> String {
    let high = figure.high.get();
    let (unit, divisor) =
        if high >= 1_073_741_824.0 * 0.9995 { ("GiB", 1_073_741_824.0) } else { ("MiB", 1_048_576.0) };
    format!("{} {unit}", span(figure.low.get() / divisor, high / divisor))
}

/// `1.81–1.83 GB`.
#[must_use]
pub fn size_range(figure: &Figure<Bytes>) -> String {
    let (low, high) = (si_bytes(figure.low), si_bytes(figure.high));
    if low == high { low } else { format!("{low} – {high}") }
}

fn span(low: f64, high: f64) -> String {
    let (low, high) = (number(low), number(high));
    if low == high { low } else { format!("{low}–{high}") }
}

/// A change in thousandths, as signed percent.
#[must_use]
pub fn change(thousandths: i32) -> String {
    let sign = if thousandths < 0 { "\u{2212}" } else { "+" };
    let (whole, tenths) = (thousandths.unsigned_abs() / 10, thousandths.unsigned_abs() % 10);
    [sign, &whole.to_string(), ".", &tenths.to_string(), "\u{202f}%"].concat()
}

/// The published changes of a measure, from the mildest to the worst.
#[must_use]
pub fn changes(own: &QualityEffect) -> String {
    let worst = change(own.change);
    if own.mildest == own.change {
        return worst;
    }
    let mildest = change(own.mildest);
    text::changes(mildest.trim_end_matches("\u{202f}%"), &worst)
}

/// The worst published change of a measure, and how it relates to the variant.
#[must_use]
pub fn effect(own: &QualityEffect, is_same_group: bool) -> String {
    let worst = if own.n == 1 { text::ONE_PAIR.to_owned() } else { text::worst_pair(&own.n.to_string()) };
    let group = if is_same_group { "" } else { text::OTHER_GROUPS };
    text::effect(&change(own.change), &own.measure, &own.model, &worst, group)
}
