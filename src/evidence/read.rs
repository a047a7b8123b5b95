//! What a tool wrote, as a [`MeasuredPlan`].
//!
//! Invariants: no more than [`MOST_BYTES`] and [`MOST_OPS`]; every wrong value is named with its place in the file; names
//! come out without control characters, so that no file writes to a terminal. Absent on purpose: guessing what a file may
//! be from its name.

use serde_json::{Map, Value};

use crate::{machine::Unit, scenario::Units};

use super::{MeasuredFunction, MeasuredOp, MeasuredPlan, Source};

/// The largest file: a plan of a million operations is smaller.
const MOST_BYTES: usize = 64 << 20;

/// Most operations of a file: a hundred times the largest public models.
const MOST_OPS: usize = 1_000_000;

/// What the script of the planner writes.
const OWN_SCHEMA: &str = "coreml-planner/measured-plan/";

/// The longest name that anemll-profile keeps, in bytes; it cuts the rest.
pub(super) const ANEMLL_NAME: usize = 127;

/// Why a file is not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is larger than anything that a tool writes.
    TooLarge(usize),
    /// It is not JSON: what the parser says, with line and column.
    NotJson(String),
    /// It is a table of comma-separated values.
    Table,
    /// It is JSON in a form that nobody here knows.
    Unknown,
    /// It is written by a later version of the script: its schema.
    Later(String),
    /// It is the report of a tool that names no units: the tool.
    NoUnits(&'static str),
    /// The tool had nothing to write: what it says.
    NoPlan(String),
    /// A value is missing or of the wrong kind: where, and what was expected.
    Wrong {
        /// Place in the file, such as `functions[0].ops[3].cost`.
        at: String,
        /// What should be there.
        wanted: &'static str,
    },
    /// There are more operations than any model has.
    TooMany,
    /// There is no operation in it.
    Empty,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooLarge(n) => write!(f, "the plan has {n} bytes and the most is {MOST_BYTES}: is it the right file?"),
            Self::NotJson(what) => write!(f, "the plan is not JSON: {what}"),
            Self::Table => f.write_str(
                "the plan is a table (CSV): the form of Xcode's performance report is not public, so it is not read; run \
                 compute_plan.py (`planner evidence --script` prints it) on the Mac and open what it writes",
            ),
            Self::Unknown => f.write_str(
                "the plan is JSON, but not of a known form: the planner reads what compute_plan.py \
                 (`planner evidence --script` prints it), CoreMLProfiler and anemll-profile --json write",
            ),
            Self::Later(schema) => write!(f, "the plan has the schema `{schema}`: a newer planner reads it"),
            Self::NoUnits(tool) => write!(
                f,
                "the plan is a report of {tool}, which does not say what runs where: run compute_plan.py (`planner \
                 evidence --script` prints it) instead"
            ),
            Self::NoPlan(what) => write!(f, "the tool made no plan: {what}"),
            Self::Wrong { at, wanted } => write!(f, "the plan has at `{at}` something else than {wanted}"),
            Self::TooMany => write!(f, "the plan has more than {MOST_OPS} operations: is it the right file?"),
            Self::Empty => f.write_str("the plan has no operations: was it made for an ML program?"),
        }
    }
}

/// Reads a plan.
pub fn read(bytes: &[u8]) -> Result<MeasuredPlan, Fault> {
    if bytes.len() > MOST_BYTES {
        return Err(Fault::TooLarge(bytes.len()));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let json: Value = serde_json::from_slice(bytes).map_err(|error| not_json(bytes, &error))?;
    let plan = match &json {
        Value::Array(rows) => profiler_table(rows)?,
        Value::Object(map) => match map.get("schema") {
            Some(schema) => own(map, schema)?,
            None => other(map)?,
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return Err(Fault::Unknown),
    };
    if plan.functions.iter().all(|function| function.ops.is_empty()) {
        return Err(Fault::Empty);
    }
    Ok(plan)
}

/// A first line of several cells without brackets is a table.
fn not_json(bytes: &[u8], error: &serde_json::Error) -> Fault {
    let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let separators = first.iter().filter(|byte| matches!(byte, b',' | b';' | b'\t')).count();
    let opens = first.iter().find(|byte| !byte.is_ascii_whitespace());
    if separators >= 2 && !matches!(opens, Some(b'{' | b'[')) {
        return Fault::Table;
    }
    Fault::NotJson(error.to_string())
}

fn other(map: &Map<String, Value>) -> Result<MeasuredPlan, Fault> {
    if map.get("tool").and_then(Value::as_str) == Some("anemll-profile") {
        return anemll(map);
    }
    if map.contains_key("with_device") && map.contains_key("operations") {
        return Err(Fault::NoUnits("ane-costplan"));
    }
    if let (1, Some(Value::String(what))) = (map.len(), map.get("error")) {
        return Err(Fault::NoPlan(clean(what)));
    }
    if !map.is_empty() && map.values().all(|function| function.get("block").is_some()) {
        return profiler(map);
    }
    Err(Fault::Unknown)
}

/// The form of the planner's own script.
fn own(map: &Map<String, Value>, schema: &Value) -> Result<MeasuredPlan, Fault> {
    let schema = schema.as_str().ok_or_else(|| wrong("schema", "a text"))?;
    match schema.strip_prefix(OWN_SCHEMA) {
        Some("1") => {}
        Some(_) => return Err(Fault::Later(clean(schema))),
        None => return Err(Fault::Unknown),
    }
    let text = |at: &[&str]| -> Result<Option<String>, Fault> {
        let mut place = map.get(*at.first().unwrap_or(&""));
        for key in at.iter().skip(1) {
            place = place.and_then(|value| value.get(key));
        }
        optional_text(place, || at.join("."))
    };
    let units = match text(&["units"])? {
        Some(id) => Some(Units::from_id(&id).ok_or_else(|| wrong("units", "a choice of compute units"))?),
        None => None,
    };
    let os = match (text(&["os", "name"])?, text(&["os", "version"])?) {
        (Some(name), Some(version)) => Some((name, version)),
        (None, _) | (_, None) => None,
    };
    let mut functions = Vec::new();
    let mut left = MOST_OPS;
    for (at, function) in list(map.get("functions"), "functions")?.iter().enumerate() {
        let here = format!("functions[{at}]");
        let name = needed_text(function.get("name"), &format!("{here}.name"))?;
        let mut ops = Vec::new();
        for (row, op) in list(function.get("ops"), &format!("{here}.ops"))?.iter().enumerate() {
            let here = format!("{here}.ops[{row}]");
            left = left.checked_sub(1).ok_or(Fault::TooMany)?;
            let outputs = list(op.get("outputs"), &format!("{here}.outputs"))?;
            let output = match outputs.first() {
                Some(first) => Some(needed_text(Some(first), &format!("{here}.outputs[0]"))?),
                None => None,
            };
            let preferred = optional_text(op.get("preferred"), || format!("{here}.preferred"))?;
            let preferred = preferred.map(|id| unit(&id, &format!("{here}.preferred"))).transpose()?;
            let supported = match op.get("supported") {
                None | Some(Value::Null) => [None; 3],
                Some(value) => {
                    let at = format!("{here}.supported");
                    let mut supported = [Some(false); 3];
                    for id in list(Some(value), &at)? {
                        mark(&mut supported, unit(&needed_text(Some(id), &at)?, &at)?);
                    }
                    supported
                }
            };
            let op_name = needed_text(op.get("op"), &format!("{here}.op"))?;
            let cost = cost(op.get("cost"), &here)?;
            push(&mut ops, MeasuredOp { output, op: short(&op_name), preferred, supported, cost });
        }
        functions.push(MeasuredFunction { name, ops });
    }
    Ok(MeasuredPlan {
        source: Source::Script,
        model: text(&["model"])?,
        device: text(&["device", "model"])?,
        chip: text(&["device", "chip"])?,
        os,
        units,
        functions,
    })
}

/// CoreMLProfiler's `compute_plan.json`: functions by name, blocks in blocks.
fn profiler(map: &Map<String, Value>) -> Result<MeasuredPlan, Fault> {
    let mut functions = Vec::new();
    let mut left = MOST_OPS;
    for (name, function) in map {
        let mut ops = Vec::new();
        let here = format!("{}.block.operations", clean(name));
        let first = list(function.get("block").and_then(|block| block.get("operations")), &here)?;
        let mut waiting: Vec<&Value> = first.iter().rev().collect();
        while let Some(row) = waiting.pop() {
            left = left.checked_sub(1).ok_or(Fault::TooMany)?;
            let read = profiler_row(row, &format!("{here}[…{}]", ops.len()))?;
            push(&mut ops, read);
            for block in row.get("blocks").and_then(Value::as_array).into_iter().flatten().rev() {
                let inner = block.get("operations").and_then(Value::as_array);
                waiting.extend(inner.into_iter().flatten().rev());
            }
        }
        functions.push(MeasuredFunction { name: clean(name), ops });
    }
    Ok(plain(Source::CoreMlProfiler, functions))
}

/// CoreMLProfiler's exported table: the top-level operations of `main`.
fn profiler_table(rows: &[Value]) -> Result<MeasuredPlan, Fault> {
    let is_row = |row: &Value| row.get("operatorName").is_some() && row.get("preferred_device").is_some();
    if !rows.first().is_none_or(is_row) {
        return Err(Fault::Unknown);
    }
    if rows.len() > MOST_OPS {
        return Err(Fault::TooMany);
    }
    let mut ops = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        push(&mut ops, profiler_row(row, &format!("[{at}]"))?);
    }
    Ok(plain(Source::CoreMlProfiler, vec![MeasuredFunction { name: "main".to_owned(), ops }]))
}

fn profiler_row(row: &Value, here: &str) -> Result<MeasuredOp, Fault> {
    let key = |name: &str| format!("{here}.{name}");
    let op = needed_text(row.get("operatorName"), &key("operatorName"))?;
    // The tool writes `Unknown` where an operation has no result.
    let output = optional_text(row.get("operator_id"), || key("operator_id"))?.filter(|name| name != "Unknown");
    let preferred = optional_text(row.get("preferred_device"), || key("preferred_device"))?;
    let preferred = preferred.filter(|id| !id.is_empty());
    let preferred = preferred.map(|id| unit(&id, &key("preferred_device"))).transpose()?;
    let mut supported = [None; 3];
    if let Some(ids) = optional_text(row.get("supported_devices"), || key("supported_devices"))? {
        supported = [Some(false); 3];
        for id in ids.split(',').map(str::trim).filter(|id| !id.is_empty()) {
            mark(&mut supported, unit(id, &key("supported_devices"))?);
        }
    }
    Ok(MeasuredOp { output, op: short(&op), preferred, supported, cost: cost(row.get("cost"), here)? })
}

/// anemll-profile's report: operations of every function in order.
fn anemll(map: &Map<String, Value>) -> Result<MeasuredPlan, Fault> {
    let Some(rows) = map.get("ordered_placements") else {
        return Err(Fault::NoPlan(
            "the report has no `ordered_placements`; anemll-profile 0.4.1 writes them".to_owned(),
        ));
    };
    let mut functions: Vec<MeasuredFunction> = Vec::new();
    for (at, row) in list(Some(rows), "ordered_placements")?.iter().enumerate() {
        if at >= MOST_OPS {
            return Err(Fault::TooMany);
        }
        let key = |name: &str| format!("ordered_placements[{at}].{name}");
        let name = needed_text(row.get("function"), &key("function"))?;
        let op = needed_text(row.get("type"), &key("type"))?;
        // An operation without a result goes by its type.
        let output = optional_text(row.get("name"), || key("name"))?.filter(|own| *own != op);
        let device = needed_text(row.get("device"), &key("device"))?;
        let ane = match row.get("ane_supported") {
            None | Some(Value::Null) => None,
            Some(Value::Bool(own)) => Some(*own),
            // An Objective-C comparison may come out as a number.
            Some(Value::Number(own)) => Some(own.as_i64() != Some(0)),
            Some(_) => return Err(wrong(&key("ane_supported"), "true or false")),
        };
        let row = MeasuredOp {
            output,
            op: short(&op),
            preferred: if device == "?" { None } else { Some(unit(&device, &key("device"))?) },
            supported: [ane, None, None],
            cost: cost(row.get("cost"), &format!("ordered_placements[{at}]"))?,
        };
        if functions.last().is_none_or(|last| last.name != name) {
            functions.push(MeasuredFunction { name, ops: Vec::new() });
        }
        if let Some(last) = functions.last_mut() {
            push(&mut last.ops, row);
        }
    }
    let compute = map.get("compute").and_then(|own| own.get("mode")).and_then(Value::as_str);
    let units = match compute {
        Some("CPU+ANE") => Some(Units::CpuAndNe),
        Some("All (CPU+GPU+ANE)") => Some(Units::All),
        Some(_) | None => None,
    };
    let model = map.get("model").and_then(|own| own.get("display_name")).and_then(Value::as_str);
    Ok(MeasuredPlan { units, model: model.map(clean), ..plain(Source::AnemllProfile, functions) })
}

fn plain(source: Source, functions: Vec<MeasuredFunction>) -> MeasuredPlan {
    MeasuredPlan { source, model: None, device: None, chip: None, os: None, units: None, functions }
}

/// Constants are no work, and tools differ in whether they list them.
fn push(ops: &mut Vec<MeasuredOp>, op: MeasuredOp) {
    if op.op != "const" && !op.op.starts_with("constexpr_") {
        ops.push(op);
    }
}

/// `ios17.conv` is `conv`.
fn short(op: &str) -> String {
    op.rsplit('.').next().unwrap_or(op).to_owned()
}

fn mark(supported: &mut [Option<bool>; 3], unit: Unit) {
    if let Some(slot) = supported.get_mut(unit.idx()) {
        *slot = Some(true);
    }
}

fn unit(id: &str, at: &str) -> Result<Unit, Fault> {
    match id {
        "ane" | "ANE" => Ok(Unit::Ane),
        "gpu" | "GPU" => Ok(Unit::Gpu),
        "cpu" | "CPU" => Ok(Unit::Cpu),
        _ => Err(wrong(at, "ane, gpu or cpu")),
    }
}

fn cost(value: Option<&Value>, here: &str) -> Result<Option<f64>, Fault> {
    let fault = || wrong(&format!("{here}.cost"), "a share of at least 0");
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let cost = value.as_f64().ok_or_else(fault)?;
            if cost.is_finite() && cost >= 0.0 { Ok(Some(cost)) } else { Err(fault()) }
        }
    }
}

fn list<'a>(value: Option<&'a Value>, at: &str) -> Result<&'a [Value], Fault> {
    value.and_then(Value::as_array).map(Vec::as_slice).ok_or_else(|| wrong(at, "a list"))
}

fn needed_text(value: Option<&Value>, at: &str) -> Result<String, Fault> {
    value.and_then(Value::as_str).map(clean).ok_or_else(|| wrong(at, "a text"))
}

fn optional_text(value: Option<&Value>, at: impl Fn() -> String) -> Result<Option<String>, Fault> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(clean(text))),
        Some(_) => Err(wrong(&at(), "a text")),
    }
}

fn wrong(at: &str, wanted: &'static str) -> Fault {
    Fault::Wrong { at: at.to_owned(), wanted }
}

fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
