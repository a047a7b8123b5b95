//! How the data files are written: one struct a table, as TOML has it, before any check.
//!
//! Fields have the names of `schema.rs`. What a complaint may point at is [`Spanned`]. A quantity is kept as written,
//! so that a bare number can be answered with the units it could have.

use serde::Deserialize;
use toml::{Spanned, Value};

use super::{
    arch::Arch,
    rule::{CostClass, Effect, Test, Trust},
    schema::{Confidence, DeviceKind, FactKind, Law, OsFamily, PresetKind, TopsMeaning},
};

/// One file of the catalogue; any file may hold any table.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct File {
    pub source: Vec<SourceRow>,
    pub soc: Vec<SocRow>,
    pub device: Vec<DeviceRow>,
    pub limit: Vec<LimitRow>,
    pub app_memory: Vec<Spanned<AppMemoryRow>>,
    pub preset: Vec<PresetRow>,
    pub coefficient: Vec<CoefficientRow>,
    pub law: Vec<Law>,
    pub rule: Vec<RuleRow>,
    pub rule_source: Vec<SourceRow>,
    pub planner_cost: Vec<PlannerCostRow>,
}

/// A number with its unit: `"51.2 GB/s"`.
pub type Written = Spanned<Value>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceRow {
    pub id: Spanned<String>,
    pub title: String,
    #[serde(default)]
    pub url: String,
}

/// A number with its unit and where it comes from.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FactRow {
    pub value: Written,
    pub low: Option<Written>,
    pub high: Option<Written>,
    pub source: Spanned<String>,
    pub kind: FactKind,
    #[serde(default)]
    pub note: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SocRow {
    pub id: Spanned<String>,
    pub name: String,
    pub year: u16,
    #[serde(default)]
    pub cpu_cores: CpuRow,
    #[serde(default)]
    pub gpu_cores: Vec<u8>,
    pub ane: AneRow,
    pub ane_tops_stated: Option<FactRow>,
    pub ane_fp16_derived_tflops: Option<FactRow>,
    pub ane_fp16_measured_tflops: Option<FactRow>,
    pub ane_int8_derived_tops: Option<FactRow>,
    pub ane_int8_measured_tops: Option<FactRow>,
    pub ane_weight_read_gbs: Option<FactRow>,
    pub ane_call_ms: Option<FactRow>,
    pub gpu_fp32_tflops: Option<FactRow>,
    pub gpu_fp16_tflops: Option<FactRow>,
    pub gpu_matmul_fp16_tflops: Option<FactRow>,
    pub memory_gbs: Option<FactRow>,
    #[serde(default)]
    pub memory_gbs_by_config: Vec<(String, Written)>,
    pub cpu_matrix_fp32_tflops: Option<FactRow>,
    pub confidence: Confidence,
    #[serde(default)]
    pub notes: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CpuRow {
    pub performance: Option<u8>,
    pub efficiency: Option<u8>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AneRow {
    pub family: Option<Spanned<String>>,
    pub cores: Option<u8>,
    pub engines: u8,
    pub tops: TopsMeaning,
    #[serde(default)]
    pub int8_fast_path: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceRow {
    pub id: Spanned<String>,
    pub name: String,
    pub kind: DeviceKind,
    pub soc: Spanned<String>,
    pub os: OsFamily,
    pub os_first: Option<u8>,
    pub os_last: Option<u8>,
    #[serde(default)]
    pub ram_gib: Vec<f64>,
    pub gpu_cores: Option<Spanned<u8>>,
    pub memory_gbs: Option<Written>,
    pub source: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitRow {
    pub id: Spanned<String>,
    pub what: String,
    pub bytes: Option<Written>,
    pub count: Option<Written>,
    pub os_from: Option<u8>,
    pub source: Spanned<String>,
    pub confidence: Confidence,
    #[serde(default)]
    pub note: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppMemoryRow {
    pub kind: DeviceKind,
    pub ram_gib: f64,
    pub default_share: Option<FactRow>,
    pub entitled_share: Option<FactRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PresetRow {
    pub id: Spanned<String>,
    pub name: String,
    pub kind: PresetKind,
    pub params: FactRow,
    pub arch: Arch,
    #[serde(default)]
    pub note: String,
    #[serde(default)]
    pub checkpoint: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CoefficientRow {
    pub id: Spanned<String>,
    pub what: String,
    pub fact: FactRow,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleRow {
    pub id: Spanned<String>,
    #[serde(default)]
    pub part: String,
    #[serde(default)]
    pub ops: Vec<Spanned<String>>,
    #[serde(default)]
    pub except: Vec<Spanned<String>>,
    pub test: Option<Test>,
    pub gate: Option<Test>,
    #[serde(default)]
    pub effects: Vec<Effect>,
    #[serde(default)]
    pub not_evaluated: String,
    pub trust: Trust,
    pub since_ios: Option<u8>,
    pub until_ios: Option<u8>,
    pub ane_from: Option<u8>,
    pub ane_to: Option<u8>,
    #[serde(default)]
    pub short: String,
    pub text: String,
    #[serde(default)]
    pub core_ml: String,
    #[serde(default)]
    pub fix: String,
    #[serde(default)]
    pub fix_id: String,
    pub sources: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannerCostRow {
    pub class: CostClass,
    pub ane: f64,
    pub gpu: f64,
    pub cpu: f64,
    pub cpu_classic: f64,
}
