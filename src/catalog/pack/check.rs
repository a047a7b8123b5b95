//! Turns rows into the catalogue and collects every complaint on the way, so that one build shows all of them.
//!
//! A complaint names the file and the line of the very value, says what is wrong and what to write instead. After one
//! the row goes on with a stand-in: nothing of a catalogue with complaints is ever packed.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use toml::{Spanned, Value};

use super::{
    rows::{AppMemoryRow, CoefficientRow, DeviceRow, FactRow, File, LimitRow, PresetRow, SocRow, Written},
    rule::{RuleTexts, Rulebook},
    schema::{AppMemory, Catalog, Coefficient, Device, DeviceKind, Fact, Limit, Preset, Soc, Source, SourceIdx},
};

/// A complaint that stops the build.
#[derive(Debug, PartialEq)]
pub struct Problem {
    pub file: PathBuf,
    pub line: usize,
    pub what: String,
}

/// A file that was read, for turning byte offsets into lines.
pub struct Text {
    pub path: PathBuf,
    pub text: String,
}

impl Text {
    fn line(&self, offset: usize) -> usize {
        self.text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
    }
    pub fn problem(&self, offset: usize, what: impl Into<String>) -> Problem {
        Problem { file: self.path.clone(), line: self.line(offset), what: what.into() }
    }
}

/// The units a field may be written in, and what each is in the field's own unit.
type FieldUnits = &'static [(&'static str, f64)];
const PARAMS: FieldUnits = &[("params", 1.0), ("M params", 1e6), ("B params", 1e9)];
const TFLOPS: FieldUnits = &[("TFLOPS", 1.0)];
const TOPS: FieldUnits = &[("TOPS", 1.0)];
const BANDWIDTH: FieldUnits = &[("GB/s", 1.0)];
const TIME: FieldUnits = &[("ms", 1.0)];
const SHARE: FieldUnits = &[("share", 1.0)];
const BYTES: FieldUnits = &[
    ("bytes", 1.0),
    ("kB", 1e3),
    ("MB", 1e6),
    ("GB", 1e9),
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
];
const COUNT: FieldUnits = &[
    ("elements", 1.0),
    ("dimensions", 1.0),
    ("taps", 1.0),
    ("layers", 1.0),
    ("packs", 1.0),
    ("testers", 1.0),
    ("days", 1.0),
];
const COEFFICIENTS: FieldUnits = &[
    ("share", 1.0),
    ("times", 1.0),
    ("ms", 1e-3),
    ("MB", 1e6),
    ("GB/s", 1e9),
    ("Gweights/s", 1e9),
    ("TFLOPS", 1e12),
    ("W", 1.0),
];

/// The catalogue as far as it is read, and what is wrong with it.
#[derive(Default)]
pub struct Packer {
    pub catalog: Catalog,
    pub rulebook: Rulebook,
    pub rule_texts: RuleTexts,
    pub problems: Vec<Problem>,
    sources: HashMap<String, SourceIdx>,
    ids: HashMap<(&'static str, String), (PathBuf, usize)>,
}

/// The number and the unit of a quantity as written, or what is wrong with it.
fn number(written: &Value, units: FieldUnits) -> Result<f64, String> {
    let known = || units.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let bare = |number: &dyn std::fmt::Display| format!("`{number}` has no unit; write it in one of {}", known());
    let text = match written {
        Value::String(text) => text,
        Value::Integer(number) => return Err(bare(number)),
        Value::Float(number) => return Err(bare(number)),
        Value::Boolean(_) | Value::Datetime(_) | Value::Array(_) | Value::Table(_) => {
            return Err(format!("not a quantity; write a number and one of {} in quotes", known()));
        }
    };
    let Some((value, unit)) = text.trim().split_once(' ') else { return Err(bare(text)) };
    let Some((_, factor)) = units.iter().find(|(name, _)| *name == unit.trim()) else {
        return Err(format!("`{text}` has the wrong unit; use one of {}", known()));
    };
    match value.parse::<f64>() {
        Ok(value) if value.is_finite() && value >= 0.0 => Ok(value * factor),
        _ => Err(format!("`{value}` is not a number of zero or more")),
    }
}

fn is_kebab_case(id: &str) -> bool {
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    // Versions keep their dot: `llama-3.2-3b`.
    id.split('-').all(|word| word.split('.').all(plain))
}

impl Packer {
    pub fn complain(&mut self, text: &Text, offset: usize, what: impl Into<String>) {
        self.problems.push(text.problem(offset, what));
    }

    /// Claims an id within its kind; the second claim is a complaint.
    pub fn claim(&mut self, kind: &'static str, id: &Spanned<String>, text: &Text) -> String {
        if !is_kebab_case(id.get_ref()) {
            let what = format!(
                "{kind} id `{}` is not kebab-case; use a-z, 0-9, single hyphens, and dots in versions",
                id.get_ref()
            );
            self.complain(text, id.span().start, what);
        }
        self.claim_key(kind, id.get_ref(), text, id.span().start);
        id.get_ref().clone()
    }

    pub fn claim_key(&mut self, kind: &'static str, key: &str, text: &Text, offset: usize) {
        let here = (text.path.clone(), text.line(offset));
        if let Some((file, line)) = self.ids.insert((kind, key.to_owned()), here) {
            self.complain(
                text,
                offset,
                format!("duplicate {kind} id `{key}`, first used at {}:{line}", file.display()),
            );
        }
    }

    fn source(&mut self, id: &Spanned<String>, text: &Text) -> SourceIdx {
        self.sources.get(id.get_ref()).copied().unwrap_or_else(|| {
            let what = format!("unknown source `{}`; add a [[source]] with that id", id.get_ref());
            self.complain(text, id.span().start, what);
            SourceIdx(0)
        })
    }

    fn quantity(&mut self, written: &Written, units: FieldUnits, text: &Text) -> f64 {
        number(written.get_ref(), units).unwrap_or_else(|what| {
            self.complain(text, written.span().start, what);
            f64::NAN
        })
    }

    fn fact(&mut self, raw: &FactRow, units: FieldUnits, text: &Text) -> Fact {
        let value = self.quantity(&raw.value, units, text);
        let low = raw.low.as_ref().map_or(value, |low| self.quantity(low, units, text));
        let high = raw.high.as_ref().map_or(value, |high| self.quantity(high, units, text));
        // A number that could not be read is NaN, so it makes no second complaint here.
        if low > value || high < value {
            self.complain(text, raw.value.span().start, "low ≤ value ≤ high does not hold");
        }
        let source = self.source(&raw.source, text);
        Fact { value, low, high, kind: raw.kind, source, note: raw.note.clone() }
    }

    fn known(&mut self, raw: Option<&FactRow>, units: FieldUnits, text: &Text) -> Option<Fact> {
        raw.map(|raw| self.fact(raw, units, text))
    }

    fn ascending<T: PartialOrd>(&mut self, list: &[T], name: &str, id: &Spanned<String>, text: &Text) {
        if list.windows(2).any(|pair| matches!(pair, [a, b] if a >= b)) {
            self.complain(
                text,
                id.span().start,
                format!("{name} of `{}` must go from smallest to largest", id.get_ref()),
            );
        }
    }

    /// Sources come first, from every file, because any row may refer to any of them.
    pub fn sources(&mut self, file: &File, text: &Text) {
        for raw in &file.source {
            let id = self.claim("source", &raw.id, text);
            let idx = SourceIdx(self.catalog.sources.len() as u16);
            self.sources.insert(id.clone(), idx);
            self.catalog.sources.push(Source { id, title: raw.title.clone(), url: raw.url.clone() });
        }
    }

    /// Chips come before devices, which refer to them.
    pub fn socs(&mut self, file: &File, text: &Text) {
        for raw in &file.soc {
            let soc = self.soc(raw, text);
            self.catalog.socs.push(soc);
        }
    }

    /// Everything else.
    pub fn rows(&mut self, file: File, text: &Text) {
        for raw in &file.device {
            let device = self.device(raw, text);
            self.catalog.devices.push(device);
        }
        for raw in &file.limit {
            let limit = self.limit(raw, text);
            self.catalog.limits.push(limit);
        }
        for raw in &file.app_memory {
            let row = self.app_memory(raw, text);
            self.catalog.app_memory.push(row);
        }
        for raw in &file.coefficient {
            let coefficient = self.coefficient(raw, text);
            self.catalog.coefficients.push(coefficient);
        }
        for law in file.law {
            let is_positive = [law.stream, law.traffic, law.compute, law.chain, law.fixed, law.low, law.high]
                .iter()
                .all(|part| *part > 0);
            if law.class.split(' ').count() != 4 || !is_positive {
                let what = format!("law `{}`: four words and multiples above 0 are needed", law.class);
                self.problems.push(Problem { file: text.path.clone(), line: 1, what });
                continue;
            }
            self.catalog.laws.push(law);
        }
        for raw in file.preset {
            let preset = self.preset(raw, text);
            self.catalog.presets.push(preset);
        }
    }

    fn soc(&mut self, raw: &SocRow, text: &Text) -> Soc {
        self.ascending(&raw.gpu_cores, "gpu_cores", &raw.id, text);
        if let Some(family) = &raw.ane.family {
            let generation = family.get_ref().strip_prefix('H').and_then(|digits| digits.parse::<u8>().ok());
            if generation.is_none() {
                let what = format!("Neural Engine family `{}` is not an H and a number (H13)", family.get_ref());
                self.complain(text, family.span().start, what);
            }
        }
        let by_config = |(config, written): &(String, Written)| {
            let value = self.quantity(written, BANDWIDTH, text);
            (config.clone(), value)
        };
        let memory_gbs_by_config = raw.memory_gbs_by_config.iter().map(by_config).collect();
        Soc {
            id: self.claim("soc", &raw.id, text),
            name: raw.name.clone(),
            year: raw.year,
            cpu_cores: (raw.cpu_cores.performance, raw.cpu_cores.efficiency),
            gpu_cores: raw.gpu_cores.clone(),
            gpu_fp32_tflops: self.known(raw.gpu_fp32_tflops.as_ref(), TFLOPS, text),
            gpu_fp16_tflops: self.known(raw.gpu_fp16_tflops.as_ref(), TFLOPS, text),
            gpu_matmul_fp16_tflops: self.known(raw.gpu_matmul_fp16_tflops.as_ref(), TFLOPS, text),
            ane_family: raw.ane.family.as_ref().map(|family| family.get_ref().clone()),
            ane_cores: raw.ane.cores,
            ane_engines: raw.ane.engines,
            ane_tops_stated: self.known(raw.ane_tops_stated.as_ref(), TOPS, text),
            ane_tops_meaning: raw.ane.tops,
            ane_fp16_derived_tflops: self.known(raw.ane_fp16_derived_tflops.as_ref(), TFLOPS, text),
            ane_fp16_measured_tflops: self.known(raw.ane_fp16_measured_tflops.as_ref(), TFLOPS, text),
            ane_int8_derived_tops: self.known(raw.ane_int8_derived_tops.as_ref(), TOPS, text),
            ane_int8_measured_tops: self.known(raw.ane_int8_measured_tops.as_ref(), TOPS, text),
            ane_int8_fast_path: raw.ane.int8_fast_path,
            ane_weight_read_gbs: self.known(raw.ane_weight_read_gbs.as_ref(), BANDWIDTH, text),
            ane_call_ms: self.known(raw.ane_call_ms.as_ref(), TIME, text),
            memory_gbs: self.known(raw.memory_gbs.as_ref(), BANDWIDTH, text),
            memory_gbs_by_config,
            cpu_matrix_fp32_tflops: self.known(raw.cpu_matrix_fp32_tflops.as_ref(), TFLOPS, text),
            confidence: raw.confidence,
            notes: raw.notes.clone(),
        }
    }

    fn device(&mut self, raw: &DeviceRow, text: &Text) -> Device {
        self.ascending(&raw.ram_gib, "ram_gib", &raw.id, text);
        let soc = raw.soc.get_ref();
        match self.catalog.socs.iter().find(|row| row.id == *soc).map(|row| row.gpu_cores.clone()) {
            None => {
                let what = format!("unknown soc `{soc}`; add a [[soc]] with that id");
                self.complain(text, raw.soc.span().start, what);
            }
            Some(variants) => {
                if let Some(cores) = raw.gpu_cores.as_ref().filter(|cores| !variants.contains(cores.get_ref())) {
                    let what = format!("soc `{soc}` has no variant with {} GPU cores", cores.get_ref());
                    self.complain(text, cores.span().start, what);
                }
            }
        }
        Device {
            id: self.claim("device", &raw.id, text),
            name: raw.name.clone(),
            kind: raw.kind,
            soc: soc.clone(),
            os: raw.os,
            os_first: raw.os_first,
            os_last: raw.os_last,
            ram_gib: raw.ram_gib.clone(),
            gpu_cores: raw.gpu_cores.as_ref().map(|cores| *cores.get_ref()),
            memory_gbs: raw.memory_gbs.as_ref().map(|written| self.quantity(written, BANDWIDTH, text)),
            source: self.source(&raw.source, text),
        }
    }

    fn limit(&mut self, raw: &LimitRow, text: &Text) -> Limit {
        if raw.bytes.is_some() && raw.count.is_some() {
            let what = format!("limit `{}` has bytes and count; keep one", raw.id.get_ref());
            self.complain(text, raw.id.span().start, what);
        }
        Limit {
            id: self.claim("limit", &raw.id, text),
            bytes: raw.bytes.as_ref().map(|written| self.quantity(written, BYTES, text)),
            count: raw.count.as_ref().map(|written| self.quantity(written, COUNT, text)),
            what: raw.what.clone(),
            os_from: raw.os_from,
            source: self.source(&raw.source, text),
            confidence: raw.confidence,
            note: raw.note.clone(),
        }
    }

    fn app_memory(&mut self, row: &Spanned<AppMemoryRow>, text: &Text) -> AppMemory {
        let raw = row.get_ref();
        let key = format!("{} {} GiB", kind_word(raw.kind), raw.ram_gib);
        self.claim_key("app_memory", &key, text, row.span().start);
        AppMemory {
            kind: raw.kind,
            ram_gib: raw.ram_gib,
            default_share: self.known(raw.default_share.as_ref(), SHARE, text),
            entitled_share: self.known(raw.entitled_share.as_ref(), SHARE, text),
        }
    }

    fn coefficient(&mut self, raw: &CoefficientRow, text: &Text) -> Coefficient {
        let unit = raw.fact.value.get_ref().as_str().and_then(|written| written.split_once(' '));
        Coefficient {
            id: self.claim("coefficient", &raw.id, text),
            what: raw.what.clone(),
            fact: self.fact(&raw.fact, COEFFICIENTS, text),
            unit: unit.map_or("", |(_, unit)| unit).to_owned(),
        }
    }

    fn preset(&mut self, raw: PresetRow, text: &Text) -> Preset {
        Preset {
            id: self.claim("preset", &raw.id, text),
            params: self.fact(&raw.params, PARAMS, text),
            name: raw.name,
            kind: raw.kind,
            arch: raw.arch,
            note: raw.note,
            checkpoint: raw.checkpoint,
        }
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
