//! Every user-facing sentence about a plan.

use crate::{
    catalog::OsFamily,
    catalog::QualityEffect,
    estimate::{Absent, LimitKind, Status, Verdict},
    machine::Machine,
    scenario::Units,
    units::{
        Bytes, Figure, Quantity, Seconds, TokensPerSec,
        format::{iec_bytes, number, seconds, si_bytes, thousands},
    },
};

/// The word for a status.
#[must_use]
pub fn status(status: Status) -> &'static str {
    match status {
        Status::Fits => "fits",
        Status::Tight => "tight",
        Status::Fails => "does not fit",
        Status::Unknown => "unknown",
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
        LimitKind::OsSupport => "OS support",
        LimitKind::AppMemory => "memory of one app",
        LimitKind::AppSize => "app size (App Store, 4 GB)",
        LimitKind::BackgroundAssets => "app size (App Store, 4 GB)",
        LimitKind::CellularPrompt => "cellular download prompt (200 MB)",
        LimitKind::AneWeightFile => "Neural Engine weight file (2 GiB)",
        LimitKind::AneModel => "one model on a mobile Neural Engine (about 1 GB)",
        LimitKind::AneShare => "share of the Neural Engine",
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
    format!("{read} read, of files with {size}; {seconds} s")
}

/// What a choice of compute units is called.
#[must_use]
pub fn units(units: Units) -> &'static str {
    match units {
        Units::All => "All",
        Units::CpuAndNe => "CPU + Neural Engine",
        Units::CpuAndGpu => "CPU + GPU",
        Units::CpuOnly => "CPU only",
    }
}

/// What a choice of compute units is called within a sentence.
#[must_use]
pub fn on_units(units: Units) -> &'static str {
    match units {
        Units::All => "all compute units",
        Units::CpuAndNe => "CPU and Neural Engine",
        Units::CpuAndGpu => "CPU and GPU",
        Units::CpuOnly => "the CPU only",
    }
}

/// Why a number is absent.
#[must_use]
pub fn absent(absent: Absent) -> &'static str {
    match absent {
        Absent::NotALanguageModel => "the model writes no tokens",
        Absent::IsALanguageModel => "a language model is timed by its tokens",
        Absent::NoGraph => "the model is not a graph of operations that can be timed",
        Absent::NoUnit => "no published rate for a compute unit of this choice",
        Absent::OsTooOld => "this OS cannot load the variant",
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
                Status::Fits => format!("loads on {first} and later"),
                _ => format!("needs {first}; the plan is for {}", os(machine.os, machine.os_version)),
            }
        }
        LimitKind::AppMemory => app_memory(verdict, machine),
        LimitKind::AppSize => match verdict.status {
            Status::Fits => format!("{file} fits the App Store's 4 GB for an app"),
            _ => format!("{file} leaves little of the App Store's 4 GB for the rest of the app"),
        },
        LimitKind::BackgroundAssets => {
            if verdict.number >= 26 {
                format!(
                    "{file} is more than an app may weigh (4 GB): ship it as Background Assets or download it yourself"
                )
            } else {
                format!(
                    "{file} is more than an app may weigh (4 GB): download it after installation (managed Background Assets need OS 26)"
                )
            }
        }
        LimitKind::CellularPrompt => match verdict.status {
            Status::Fits => format!("{file} downloads without a question on a mobile network"),
            _ => format!("{file}: the App Store asks before it downloads more than 200 MB over a mobile network"),
        },
        LimitKind::AneWeightFile => match verdict.status {
            Status::Fails => format!(
                "a weight file of {file} is refused by the Neural Engine above {}: split the model",
                iec_bytes(allowed.unwrap_or_default())
            ),
            _ => format!(
                "a weight file of {file} is close to the Neural Engine's {}",
                iec_bytes(allowed.unwrap_or_default())
            ),
        },
        LimitKind::AneModel => {
            let most = allowed.unwrap_or_default();
            let parts = (need / most).ceil();
            format!(
                "{file} in one model: apps that run on a mobile Neural Engine split into chunks of about {} ({} here)",
                si_bytes(most),
                thousands(parts.max(1.0))
            )
        }
        LimitKind::AneShare => match verdict.status {
            Status::Fits => format!("{} % of the time is predicted on the Neural Engine", verdict.number),
            _ => format!("only {} % of the time is predicted on the Neural Engine", verdict.number),
        },
    }
}

fn app_memory(verdict: &Verdict, machine: &Machine) -> String {
    let need = verdict.need.map(|need| iec_bytes(need.value)).unwrap_or_default();
    let Some(allowed) = verdict.allowed else {
        let ram = machine.ram.map_or_else(|| "unknown".to_owned(), iec_bytes);
        return match verdict.status {
            Status::Fails => format!("needs about {need}, more than the {ram} of RAM"),
            _ => format!("needs about {need}; what one app may use of {ram} on this device is not published"),
        };
    };
    let room = iec_bytes(allowed.value);
    match verdict.status {
        Status::Fits => format!("needs about {need} of the {room} that one app may use"),
        Status::Tight => format!("needs about {need} of about {room} that one app may use: measure it on the device"),
        Status::Unknown | Status::Fails => {
            let entitled = verdict.allowed_entitled.filter(|entitled| entitled.value > allowed.value);
            match entitled {
                Some(entitled) => format!(
                    "needs about {need}, one app may use about {room} ({} with the increased-memory entitlement)",
                    iec_bytes(entitled.value)
                ),
                None => format!("needs about {need}, one app may use about {room}"),
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
    [mildest.trim_end_matches("\u{202f}%"), " to ", &worst].concat()
}

/// The worst published change of a measure, and how it relates to the variant.
#[must_use]
pub fn effect(own: &QualityEffect, is_same_group: bool) -> String {
    let worst =
        if own.n == 1 { "one published pair".to_owned() } else { format!("worst of {} published pairs", own.n) };
    let group = if is_same_group { "" } else { ", of other group sizes" };
    format!("{} {} for {} ({worst}{group})", change(own.change), own.measure, own.model)
}
