//! The catalogue of devices for people and programs: what `planner devices` prints.
//!
//! Invariants: a value carries its unit, range, kind and source; what nobody knows is `null` in the document and the
//! word `unknown` in the table. Figures stand as the catalogue has them, never rounded. Absent on purpose: anything
//! computed from a model, and rates that the cost model derives.

use serde::Serialize;

use crate::catalog::{Catalog, Confidence, Device, DeviceKind, Fact, FactKind, OsFamily, Soc, TopsMeaning};

/// Name and version of the document's shape; it changes when a field does.
pub const SCHEMA: &str = "coreml-planner/devices/1";

/// Every chip and every device.
#[derive(Debug, Serialize)]
pub struct DevicesDocument<'a> {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// Chips, oldest generation first.
    pub socs: Vec<SocDocument<'a>>,
    /// Devices, by kind.
    pub devices: Vec<DeviceDocument<'a>>,
}

/// A number with its unit, range and source.
#[derive(Debug, Serialize)]
pub struct FactDocument<'a> {
    /// The value.
    pub value: f64,
    /// Lower end of what sources say.
    pub low: f64,
    /// Upper end of what sources say.
    pub high: f64,
    /// Unit of all three.
    pub unit: &'static str,
    /// `vendor`, `measured`, `derived` or `assumed`.
    pub kind: &'static str,
    /// Who says so.
    pub source: &'a str,
    /// Address of it; empty when there is none.
    pub url: &'a str,
    /// What a reader should know with it; may be empty.
    pub note: &'a str,
}

/// A chip.
#[derive(Debug, Serialize)]
pub struct SocDocument<'a> {
    /// Id.
    pub id: &'a str,
    /// Name.
    pub name: &'a str,
    /// Year of the first device.
    pub year: u16,
    /// Performance cores.
    pub cpu_performance_cores: Option<u8>,
    /// Efficiency cores.
    pub cpu_efficiency_cores: Option<u8>,
    /// GPU cores of each variant.
    pub gpu_cores: &'a [u8],
    /// GPU at FP32.
    pub gpu_fp32: Option<FactDocument<'a>>,
    /// GPU at FP16.
    pub gpu_fp16: Option<FactDocument<'a>>,
    /// Matrix units of the GPU at FP16.
    pub gpu_matmul_fp16: Option<FactDocument<'a>>,
    /// Matrix units of the CPU at FP32.
    pub cpu_matrix_fp32: Option<FactDocument<'a>>,
    /// Its Neural Engine.
    pub neural_engine: NeuralEngineDocument<'a>,
    /// Memory bandwidth of the best variant.
    pub memory: Option<FactDocument<'a>>,
    /// Memory bandwidth in GB/s by configuration.
    pub memory_gbs_by_config: &'a [(String, f64)],
    /// `high`, `medium` or `low`.
    pub confidence: &'static str,
    /// What a reader should know.
    pub notes: &'a [String],
}

/// A Neural Engine.
#[derive(Debug, Serialize)]
pub struct NeuralEngineDocument<'a> {
    /// Generation (`H13`).
    pub family: Option<&'a str>,
    /// Cores of all engines.
    pub cores: Option<u8>,
    /// Engines.
    pub engines: u8,
    /// TOPS as the maker states it.
    pub tops_stated: Option<FactDocument<'a>>,
    /// What that figure counts: `fp16`, `int8` or `unknown`.
    pub tops_counts: &'static str,
    /// Peak at FP16 by the clock.
    pub fp16_derived: Option<FactDocument<'a>>,
    /// Measured at FP16.
    pub fp16_measured: Option<FactDocument<'a>>,
    /// Peak with 8-bit activations and weights by the clock.
    pub int8_derived: Option<FactDocument<'a>>,
    /// Measured with 8-bit activations and weights.
    pub int8_measured: Option<FactDocument<'a>>,
    /// Whether 8-bit activations and weights run faster than FP16.
    pub int8_fast_path: bool,
    /// Measured rate at which it reads weights.
    pub weight_read: Option<FactDocument<'a>>,
    /// Fixed cost of a call.
    pub call: Option<FactDocument<'a>>,
}

/// A device.
#[derive(Debug, Serialize)]
pub struct DeviceDocument<'a> {
    /// Id.
    pub id: &'a str,
    /// Name.
    pub name: &'a str,
    /// `phone`, `tablet`, `laptop` …
    pub kind: &'static str,
    /// Id of its chip.
    pub soc: &'a str,
    /// `iOS`, `macOS` …
    pub os: &'static str,
    /// First major version that it ran.
    pub os_first: Option<u8>,
    /// Last major version that it runs; `null` is unknown, not "the newest".
    pub os_last: Option<u8>,
    /// RAM options in GiB; empty when unknown.
    pub ram_gib: &'a [f64],
    /// GPU cores, or `null` for the chip's largest variant.
    pub gpu_cores: Option<u8>,
    /// Memory bandwidth in GB/s, the chip's when the device has no other.
    pub memory_gbs: Option<f64>,
    /// Who says so.
    pub source: &'a str,
}

/// The catalogue as a document for programs.
#[must_use]
pub fn document(catalog: &Catalog) -> DevicesDocument<'_> {
    DevicesDocument {
        schema: SCHEMA,
        socs: catalog.socs.iter().map(|soc| soc_document(catalog, soc)).collect(),
        devices: catalog.devices.iter().map(|device| device_document(catalog, device)).collect(),
    }
}

/// The devices as a table for a terminal, one line each, under a line of headings.
#[must_use]
pub fn table(catalog: &Catalog) -> String {
    let heading = ["id", "device", "chip", "RAM GiB", "memory GB/s", "Neural Engine", "runs"].map(str::to_owned);
    let lines: Vec<[String; 7]> =
        std::iter::once(heading).chain(catalog.devices.iter().map(|device| line(catalog, device))).collect();
    let mut widths = [0; 7];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut out = String::new();
    for line in &lines {
        let start = out.len();
        for (cell, width) in line.iter().zip(widths) {
            out.push_str(cell);
            out.extend(std::iter::repeat_n(' ', width + 2 - cell.chars().count()));
        }
        let end = start + out.get(start..).unwrap_or_default().trim_end().len();
        out.truncate(end);
        out.push('\n');
    }
    out
}

/// A line of the table for a terminal.
fn line(catalog: &Catalog, device: &Device) -> [String; 7] {
    let soc = catalog.soc(&device.soc);
    let unknown = || "unknown".to_owned();
    let ram: Vec<String> = device.ram_gib.iter().map(f64::to_string).collect();
    // iPads ran iOS until 13 gave them a system of their own.
    let os = match (device.os, device.os_first) {
        (OsFamily::Ipados, Some(..13)) => os_word(OsFamily::Ios),
        (os, _) => os_word(os),
    };
    [
        device.id.clone(),
        device.name.clone(),
        soc.map_or_else(unknown, |soc| soc.name.clone()),
        if ram.is_empty() { unknown() } else { ram.join(", ") },
        memory_gbs(soc, device).map_or_else(unknown, |rate| rate.to_string()),
        soc.map_or_else(unknown, neural_engine_words),
        // A display or a speaker has an operating system, but nothing of ours runs there.
        match (device.kind, device.os_first) {
            (DeviceKind::Accessory, _) => "no apps".to_owned(),
            (_, Some(first)) => format!("{os} {first} and later"),
            (_, None) => os.to_owned(),
        },
    ]
}

/// The stated TOPS with what it counts, or the FP16 rate that stands in for it, for a terminal.
fn neural_engine_words(soc: &Soc) -> String {
    let counts = match soc.ane_tops_meaning {
        TopsMeaning::Fp16 => "TOPS FP16",
        TopsMeaning::Int8 => "TOPS INT8",
        TopsMeaning::Unknown => "TOPS of unknown kind",
    };
    match (&soc.ane_tops_stated, &soc.ane_fp16_measured_tflops, &soc.ane_fp16_derived_tflops) {
        (Some(stated), _, _) => format!("{} {counts}", stated.value),
        (None, Some(measured), _) => format!("{} TFLOPS FP16, measured", measured.value),
        (None, None, Some(derived)) => format!("{} TFLOPS FP16, derived", derived.value),
        (None, None, None) => "unknown".to_owned(),
    }
}

fn memory_gbs(soc: Option<&Soc>, device: &Device) -> Option<f64> {
    device.memory_gbs.or_else(|| soc?.memory_gbs.as_ref().map(|fact| fact.value))
}

fn soc_document<'a>(catalog: &'a Catalog, soc: &'a Soc) -> SocDocument<'a> {
    let fact = |fact: &'a Option<Fact>, unit| fact.as_ref().map(|fact| fact_document(catalog, fact, unit));
    SocDocument {
        id: &soc.id,
        name: &soc.name,
        year: soc.year,
        cpu_performance_cores: soc.cpu_cores.0,
        cpu_efficiency_cores: soc.cpu_cores.1,
        gpu_cores: &soc.gpu_cores,
        gpu_fp32: fact(&soc.gpu_fp32_tflops, "TFLOPS"),
        gpu_fp16: fact(&soc.gpu_fp16_tflops, "TFLOPS"),
        gpu_matmul_fp16: fact(&soc.gpu_matmul_fp16_tflops, "TFLOPS"),
        cpu_matrix_fp32: fact(&soc.cpu_matrix_fp32_tflops, "TFLOPS"),
        neural_engine: NeuralEngineDocument {
            family: soc.ane_family.as_deref(),
            cores: soc.ane_cores,
            engines: soc.ane_engines,
            tops_stated: fact(&soc.ane_tops_stated, "TOPS"),
            tops_counts: match soc.ane_tops_meaning {
                TopsMeaning::Fp16 => "fp16",
                TopsMeaning::Int8 => "int8",
                TopsMeaning::Unknown => "unknown",
            },
            fp16_derived: fact(&soc.ane_fp16_derived_tflops, "TFLOPS"),
            fp16_measured: fact(&soc.ane_fp16_measured_tflops, "TFLOPS"),
            int8_derived: fact(&soc.ane_int8_derived_tops, "TOPS"),
            int8_measured: fact(&soc.ane_int8_measured_tops, "TOPS"),
            int8_fast_path: soc.ane_int8_fast_path,
            weight_read: fact(&soc.ane_weight_read_gbs, "GB/s"),
            call: fact(&soc.ane_call_ms, "ms"),
        },
        memory: fact(&soc.memory_gbs, "GB/s"),
        memory_gbs_by_config: &soc.memory_gbs_by_config,
        confidence: match soc.confidence {
            Confidence::High => "high",
            Confidence::Medium => "medium",
            Confidence::Low => "low",
        },
        notes: &soc.notes,
    }
}

fn device_document<'a>(catalog: &'a Catalog, device: &'a Device) -> DeviceDocument<'a> {
    DeviceDocument {
        id: &device.id,
        name: &device.name,
        kind: kind_word(device.kind),
        soc: &device.soc,
        os: os_word(device.os),
        os_first: device.os_first,
        os_last: device.os_last,
        ram_gib: &device.ram_gib,
        gpu_cores: device.gpu_cores,
        memory_gbs: memory_gbs(catalog.soc(&device.soc), device),
        source: catalog.source(device.source).map_or("", |source| &source.title),
    }
}

fn fact_document<'a>(catalog: &'a Catalog, fact: &'a Fact, unit: &'static str) -> FactDocument<'a> {
    let source = catalog.source(fact.source);
    FactDocument {
        value: fact.value,
        low: fact.low,
        high: fact.high,
        unit,
        kind: match fact.kind {
            FactKind::Vendor => "vendor",
            FactKind::Measured => "measured",
            FactKind::Derived => "derived",
            FactKind::Assumed => "assumed",
        },
        source: source.map_or("", |source| &source.title),
        url: source.map_or("", |source| &source.url),
        note: &fact.note,
    }
}

fn kind_word(kind: DeviceKind) -> &'static str {
    match kind {
        DeviceKind::Phone => "phone",
        DeviceKind::Tablet => "tablet",
        DeviceKind::Laptop => "laptop",
        DeviceKind::Desktop => "desktop",
        DeviceKind::Tv => "tv",
        DeviceKind::Watch => "watch",
        DeviceKind::Headset => "headset",
        DeviceKind::Accessory => "accessory",
    }
}

fn os_word(os: OsFamily) -> &'static str {
    match os {
        OsFamily::Ios => "iOS",
        OsFamily::Ipados => "iPadOS",
        OsFamily::Macos => "macOS",
        OsFamily::Tvos => "tvOS",
        OsFamily::Watchos => "watchOS",
        OsFamily::Visionos => "visionOS",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line_of(id: &str) -> String {
        let table = table(Catalog::get());
        let start = format!("{id} ");
        table.lines().find(|line| line.starts_with(&start)).map(words).unwrap_or_default()
    }

    fn words(line: &str) -> String {
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn check(id: &str, expected: &str) {
        assert_eq!(line_of(id), expected);
    }

    #[test]
    fn a_line_says_what_the_stated_tops_counts() {
        check("iphone-15-pro", "iphone-15-pro iPhone 15 Pro A17 Pro 8 51.2 35 TOPS INT8 iOS 17 and later");
        check(
            "macbook-air-m3",
            "macbook-air-m3 MacBook Air 13-inch (M3) M3 8, 16, 24 100 18 TOPS FP16 macOS 14 and later",
        );
        check(
            "macbook-air-m4",
            "macbook-air-m4 MacBook Air 13-inch (M4) M4 16, 24, 32 120 38 TOPS INT8 macOS 15 and later",
        );
    }

    #[test]
    fn what_nobody_knows_is_called_unknown() {
        check(
            "apple-watch-series-9",
            "apple-watch-series-9 Apple Watch Series 9 S9 / S10 SiP unknown unknown unknown watchOS 10 and later",
        );
    }

    #[test]
    fn an_ipad_older_than_ipados_ran_ios() {
        assert!(line_of("ipad-air-3").ends_with(" iOS 12 and later"));
        assert!(line_of("ipad-9").ends_with(" iPadOS 15 and later"));
    }

    #[test]
    fn a_device_with_less_than_its_chip_shows_its_own_bandwidth() {
        assert!(line_of("macbook-pro-14-m4-max-32-core").contains(" 36 410 "));
        assert!(line_of("macbook-pro-14-m4-max").contains(" 546 "));
    }

    #[test]
    fn columns_line_up() {
        let table = table(Catalog::get());
        let column = |line: &str, cell: &str| line.split_once(cell).map(|(before, _)| before.chars().count());
        let mut lines = table.lines();
        let heading = lines.next().and_then(|line| column(line, "memory GB/s"));
        let row = lines.find(|line| line.starts_with("iphone-15-pro ")).and_then(|line| column(line, "51.2"));
        assert!(heading.is_some());
        assert_eq!(heading, row);
    }

    #[test]
    fn the_document_has_units_sources_and_nulls() {
        let document = serde_json::to_value(document(Catalog::get())).unwrap_or_default();
        assert_eq!(document["schema"], "coreml-planner/devices/1");
        let soc = |id: &str| {
            let rows = document["socs"].as_array().cloned().unwrap_or_default();
            rows.into_iter().find(|row| row["id"] == id).unwrap_or_default()
        };
        let m3 = soc("m3");
        assert_eq!(m3["neural_engine"]["tops_stated"]["value"], 18.0);
        assert_eq!(m3["neural_engine"]["tops_stated"]["unit"], "TOPS");
        assert_eq!(m3["neural_engine"]["tops_counts"], "fp16");
        assert!(m3["memory"]["url"].as_str().is_some_and(|url| url.starts_with("https://www.apple.com/")));
        assert!(soc("s9-s10")["memory"].is_null());
        assert!(soc("s9-s10")["year"].is_u64());
    }
}
