//! Turns a package into the form of a compiled model, for tests.
//!
//! There is no compiler here: these files were not made by Apple's `coremlcompiler`. The writer follows the form of
//! files that it did make and that public repositories hold: both dialects of the text (`program(1.0)` wraps scalars in
//! tensors, `program(1.3)` does not), arguments in the order of their names, floating point as C prints it with `%a`,
//! `coremldata.bin` with the description in it. Held once against two models that a public repository has both as packages
//! and compiled by Apple (1174 operations each, compiler 3500.32.1), the text was the same line by line but for
//! `buildInfo` and the inputs of the function, which the compiler sorts by name; here they keep their order, so that the
//! two models can be compared value by value. How the compiler writes nested blocks is not known from such a file; it
//! follows what a third-party writer does whose files Core ML loads. It has its own reading of the protobuf, so that it and the planner's
//! reader do not share a mistake.

use std::{collections::BTreeMap, fmt::Write};

pub(crate) type Files = Vec<(String, Vec<u8>)>;

// ---- protobuf ------------------------------------------------------------------------------------------------------

#[derive(Clone, Copy)]
enum Field<'a> {
    Int(u64),
    Fixed(u64),
    Bytes(&'a [u8]),
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let (mut value, mut shift) = (0_u64, 0);
    loop {
        let byte = bytes[0];
        *bytes = &bytes[1..];
        value |= u64::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            return value;
        }
        shift += 7;
    }
}

fn little(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |value, byte| (value << 8) | u64::from(*byte))
}

fn fields(mut bytes: &[u8]) -> Vec<(u64, Field<'_>)> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes);
        let n_bytes = match tag & 7 {
            0 => {
                found.push((tag >> 3, Field::Int(varint(&mut bytes))));
                continue;
            }
            1 => 8,
            5 => 4,
            2 => usize::try_from(varint(&mut bytes)).expect("a length"),
            other => panic!("wire type {other}"),
        };
        let (own, rest) = bytes.split_at(n_bytes);
        bytes = rest;
        found.push((tag >> 3, if tag & 7 == 2 { Field::Bytes(own) } else { Field::Fixed(little(own)) }));
    }
    found
}

fn all(message: &[u8], number: u64) -> Vec<&[u8]> {
    let own = |(found, field)| match field {
        Field::Bytes(bytes) if found == number => Some(bytes),
        _ => None,
    };
    fields(message).into_iter().filter_map(own).collect()
}

fn one(message: &[u8], number: u64) -> Option<&[u8]> {
    all(message, number).pop()
}

fn int(message: &[u8], number: u64) -> Option<u64> {
    let own = |(found, field)| match field {
        Field::Int(value) if found == number => Some(value),
        _ => None,
    };
    fields(message).into_iter().filter_map(own).next_back()
}

fn text(message: &[u8], number: u64) -> String {
    String::from_utf8_lossy(one(message, number).unwrap_or_default()).into_owned()
}

/// A map by its keys, in their order.
fn map(message: &[u8], number: u64) -> BTreeMap<String, Vec<u8>> {
    let entry = |entry: &[u8]| (text(entry, 1), one(entry, 2).unwrap_or_default().to_vec());
    all(message, number).into_iter().map(entry).collect()
}

/// The numbers of a repeated field, packed or not.
fn numbers(message: &[u8], number: u64, width: Option<usize>) -> Vec<u64> {
    let mut found = Vec::new();
    for (at, field) in fields(message) {
        match (field, width) {
            _ if at != number => {}
            (Field::Int(value) | Field::Fixed(value), _) => found.push(value),
            (Field::Bytes(bytes), Some(width)) => found.extend(bytes.chunks(width).map(little)),
            (Field::Bytes(mut bytes), None) => {
                while !bytes.is_empty() {
                    found.push(varint(&mut bytes));
                }
            }
        }
    }
    found
}

// ---- text ----------------------------------------------------------------------------------------------------------

/// How scalars are written.
#[derive(Clone, Copy, PartialEq)]
enum Dialect {
    /// `tensor<int32, []>(0)`, up to specification 8.
    Wrapped,
    /// `int32(0)`.
    Bare,
}

const DTYPES: &[(u64, &str, usize)] = &[
    (1, "bool", 8),
    (2, "string", 8),
    (10, "fp16", 16),
    (11, "fp32", 32),
    (12, "fp64", 64),
    (13, "bf16", 16),
    (21, "int8", 8),
    (22, "int16", 16),
    (23, "int32", 32),
    (24, "int64", 64),
    (25, "int4", 4),
    (31, "uint8", 8),
    (32, "uint16", 16),
    (33, "uint32", 32),
    (34, "uint64", 64),
    (35, "uint4", 4),
    (36, "uint2", 2),
    (37, "uint1", 1),
    (38, "uint6", 6),
    (39, "uint3", 3),
];

fn dtype(number: u64) -> (&'static str, usize) {
    let row = DTYPES.iter().find(|row| row.0 == number);
    row.map(|row| (row.1, row.2)).unwrap_or_else(|| panic!("element type {number}"))
}

/// C's `%a`.
fn hex_float(value: f64) -> String {
    let sign = if value.is_sign_negative() { "-" } else { "" };
    if value.is_nan() {
        return "nan".to_owned();
    }
    if value.is_infinite() {
        return format!("{sign}inf");
    }
    if value == 0.0 {
        return format!("{sign}0x0p+0");
    }
    let bits = value.to_bits();
    let exponent = i64::try_from(bits >> 52 & 0x7FF).expect("eleven bits") - 1023;
    let digits = format!("{:013x}", bits & ((1 << 52) - 1));
    let digits = digits.trim_end_matches('0');
    let point = if digits.is_empty() { "" } else { "." };
    format!("{sign}0x1{point}{digits}p{exponent:+}")
}

fn half(bits: u64) -> f64 {
    let fraction = (bits & 0x3FF) as f64;
    let sign = if bits >> 15 & 1 == 1 { -1.0 } else { 1.0 };
    sign * match bits >> 10 & 0x1F {
        0 => fraction * 2.0_f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        exponent => (1.0 + fraction / 1024.0) * 2.0_f64.powi(i32::try_from(exponent).expect("five bits") - 15),
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

impl Dialect {
    fn ty(self, message: &[u8]) -> String {
        let (number, inner) = fields(message)
            .into_iter()
            .find_map(|(number, field)| if let Field::Bytes(bytes) = field { Some((number, bytes)) } else { None })
            .expect("a type");
        match number {
            1 => {
                let name = dtype(int(inner, 1).expect("an element type")).0;
                let dims = self.dims(inner);
                if dims.is_empty() && self == Self::Bare {
                    return name.to_owned();
                }
                format!("tensor<{name}, [{}]>", dims.join(", "))
            }
            2 => {
                let length = one(inner, 2).and_then(|dim| self.dim(dim)).unwrap_or_else(|| "?".to_owned());
                format!("list<{}, {length}>", self.ty(one(inner, 1).expect("a type")))
            }
            3 => {
                let types: Vec<String> = all(inner, 1).into_iter().map(|ty| self.ty(ty)).collect();
                format!("tuple<{}>", types.join(", "))
            }
            4 => {
                format!("dict<{}, {}>", self.ty(one(inner, 1).expect("keys")), self.ty(one(inner, 2).expect("values")))
            }
            5 => format!("state<{}>", self.ty(one(inner, 1).expect("a type"))),
            other => panic!("type {other}"),
        }
    }

    fn dims(self, tensor: &[u8]) -> Vec<String> {
        all(tensor, 3).into_iter().map(|dim| self.dim(dim).unwrap_or_else(|| "?".to_owned())).collect()
    }

    fn dim(self, message: &[u8]) -> Option<String> {
        one(message, 1).map(|constant| int(constant, 1).unwrap_or_default().to_string())
    }

    fn named(self, message: &[u8]) -> String {
        format!("{} {}", self.ty(one(message, 2).expect("a type")), text(message, 1))
    }

    fn scalar(self, name: &str, literal: &str) -> String {
        match self {
            Self::Wrapped => format!("tensor<{name}, []>({literal})"),
            Self::Bare => format!("{name}({literal})"),
        }
    }

    fn value(self, message: &[u8]) -> String {
        let ty = one(message, 2).expect("a type");
        let literal = if let Some(blob) = one(message, 5) {
            let path = self.scalar("string", &quoted(&text(blob, 1)));
            let offset = self.scalar("uint64", &int(blob, 2).unwrap_or_default().to_string());
            format!("BLOBFILE(path = {path}, offset = {offset})")
        } else {
            self.literal(message)
        };
        format!("{}({literal})", self.ty(ty))
    }

    /// What a value is, without its type.
    fn literal(self, message: &[u8]) -> String {
        let immediate = one(message, 3).expect("an immediate value");
        let list = |values: &[u8]| all(values, 1).into_iter().map(|value| self.literal(value)).collect::<Vec<_>>();
        if let Some(tensor) = one(immediate, 1) {
            let ty = one(one(message, 2).expect("a type"), 1).expect("a tensor type");
            return nested(&self.dims(ty), &mut elements(tensor, int(ty, 1).expect("an element type")).into_iter());
        }
        if let Some(tuple) = one(immediate, 2) {
            return format!("({})", list(tuple).join(", "));
        }
        if let Some(values) = one(immediate, 3) {
            return format!("[{}]", list(values).join(", "));
        }
        let pair = |pair: &[u8]| {
            let of = |number| self.literal(one(pair, number).expect("a value"));
            format!("{{{}, {}}}", of(1), of(2))
        };
        let pairs = all(one(immediate, 4).expect("a dictionary"), 1);
        format!("{{{}}}", pairs.into_iter().map(pair).collect::<Vec<_>>().join(", "))
    }

    fn block(self, block: &[u8], indent: usize, out: &mut String) {
        for op in all(block, 3) {
            self.operation(op, indent, out);
        }
        let results: Vec<String> =
            all(block, 2).into_iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
        let _ = write!(out, "{}}} -> ({})", " ".repeat(indent.saturating_sub(4)), results.join(", "));
    }

    fn operation(self, op: &[u8], indent: usize, out: &mut String) {
        let outputs: Vec<String> = all(op, 3).into_iter().map(|output| self.named(output)).collect();
        let binding = |binding: &[u8]| one(binding, 2).map_or_else(|| text(binding, 1), |value| self.value(value));
        let argument = |(name, argument): (String, Vec<u8>)| {
            let bindings: Vec<String> = all(&argument, 1).into_iter().map(binding).collect();
            match bindings.as_slice() {
                [only] => format!("{name} = {only}"),
                several => format!("{name} = ({})", several.join(", ")),
            }
        };
        let arguments: Vec<String> = map(op, 2).into_iter().map(argument).collect();
        let attributes: Vec<String> =
            map(op, 5).into_iter().map(|(name, value)| format!("{name} = {}", self.value(&value))).collect();
        out.push_str(&" ".repeat(indent));
        if !outputs.is_empty() {
            let _ = write!(out, "{} = ", outputs.join(", "));
        }
        let _ = write!(out, "{}({})", text(op, 1), arguments.join(", "));
        if !attributes.is_empty() {
            let _ = write!(out, "[{}]", attributes.join(", "));
        }
        for block in all(op, 4) {
            let inputs: Vec<String> = all(block, 1).into_iter().map(|input| self.named(input)).collect();
            let _ = write!(out, "\n{}({}) {{\n", " ".repeat(indent + 4), inputs.join(", "));
            self.block(block, indent + 8, out);
        }
        out.push_str(";\n");
    }
}

/// Elements in brackets, as the shape nests them.
fn nested(dims: &[String], elements: &mut dyn Iterator<Item = String>) -> String {
    let Some((outer, inner)) = dims.split_first() else { return elements.next().expect("an element") };
    let n: usize = outer.parse().expect("a fixed size");
    let all: Vec<String> = (0..n).map(|_| nested(inner, elements)).collect();
    format!("[{}]", all.join(", "))
}

/// The elements of a `TensorValue` as text.
fn elements(tensor: &[u8], dtype_number: u64) -> Vec<String> {
    let (name, bits) = dtype(dtype_number);
    let (list, values) = fields(tensor)
        .into_iter()
        .find_map(|(number, field)| if let Field::Bytes(bytes) = field { Some((number, bytes)) } else { None })
        .expect("values");
    match list {
        1 => {
            let single = |bits: u64| f32::from_bits(u32::try_from(bits).expect("four bytes"));
            numbers(values, 1, Some(4)).into_iter().map(|bits| hex_float(f64::from(single(bits)))).collect()
        }
        6 => numbers(values, 1, Some(8)).into_iter().map(|bits| hex_float(f64::from_bits(bits))).collect(),
        2 => numbers(values, 1, None).into_iter().map(|value| (value as u32 as i32).to_string()).collect(),
        5 => numbers(values, 1, None).into_iter().map(|value| (value as i64).to_string()).collect(),
        3 => numbers(values, 1, None).into_iter().map(|value| (value != 0).to_string()).collect(),
        4 => all(values, 1).into_iter().map(|value| quoted(&String::from_utf8_lossy(value))).collect(),
        7 => {
            let bytes = one(values, 1).unwrap_or_default();
            let element = |at: usize| {
                let bit = |bit: usize| u64::from(bytes[(at * bits + bit) / 8] >> ((at * bits + bit) % 8) & 1) << bit;
                (0..bits).map(bit).sum::<u64>()
            };
            let show = |raw: u64| match name {
                "fp16" => hex_float(half(raw)),
                "int4" | "int8" | "int16" | "int32" => ((raw << (64 - bits)) as i64 >> (64 - bits)).to_string(),
                _ => raw.to_string(),
            };
            (0..bytes.len() * 8 / bits).map(element).map(show).collect()
        }
        other => panic!("list {other}"),
    }
}

fn tag(opset: &str) -> &'static str {
    match opset {
        "CoreML5" => "ios15",
        "CoreML6" => "ios16",
        "CoreML7" => "ios17",
        "CoreML8" => "ios18",
        "CoreML9" => "ios26",
        other => panic!("operation set {other}"),
    }
}

/// The text of a `Program`.
fn program_text(program: &[u8], spec_version: u64) -> String {
    let dialect = if spec_version <= 8 { Dialect::Wrapped } else { Dialect::Bare };
    let (version, string) = match dialect {
        Dialect::Wrapped => ("1.0", "tensor<string, []>"),
        Dialect::Bare => ("1.3", "string"),
    };
    let mut out = format!(
        "program({version})\n[buildInfo = dict<{string}, {string}>({{{{\"coremlc-component-MIL\", \"0.0.0\"}}, \
         {{\"coremlc-version\", \"0.0.0\"}}}})]\n{{\n"
    );
    for (name, function) in map(program, 2) {
        let opset = text(&function, 2);
        let inputs: Vec<String> = all(&function, 1).into_iter().map(|input| dialect.named(input)).collect();
        let attributes: Vec<String> =
            map(&function, 4).into_iter().map(|(name, value)| format!("{name} = {}", dialect.value(&value))).collect();
        let attributes = if attributes.is_empty() { String::new() } else { format!(" [{}]", attributes.join(", ")) };
        let _ = writeln!(out, "    func {name}<{}>({}){attributes} {{", tag(&opset), inputs.join(", "));
        let blocks = map(&function, 3);
        dialect.block(&blocks[&opset], 12, &mut out);
        out.push_str(";\n");
    }
    out.push_str("}\n");
    out
}

// ---- the other files -----------------------------------------------------------------------------------------------

/// `coremldata.bin`: head, tag, version and description; a short trailer stands for what is not read.
pub(crate) fn coremldata(kind: u32, spec_version: u64, description: &[u8]) -> Vec<u8> {
    let mut out = kind.to_le_bytes().to_vec();
    out.extend(1_u32.to_le_bytes());
    out.extend([0; 20]);
    out.extend(7_u64.to_le_bytes());
    out.extend(b"generic");
    out.extend(spec_version.to_le_bytes());
    out.extend([0; 24]);
    out.extend((description.len() as u64).to_le_bytes());
    out.extend(description);
    out.extend(u64::from(kind).to_le_bytes());
    out
}

fn count_ops(block: &[u8], counts: &mut BTreeMap<String, u64>) {
    for op in all(block, 3) {
        let name = text(op, 1);
        if name != "const" {
            let mut camel = String::new();
            for (at, part) in name.split('_').enumerate() {
                let (first, rest) = part.split_at(1.min(part.len()));
                camel.push_str(&if at == 0 { first.to_owned() } else { first.to_uppercase() });
                camel.push_str(rest);
            }
            *counts.entry(format!("Ios17.{camel}")).or_default() += 1;
        }
        for inner in all(op, 4) {
            count_ops(inner, counts);
        }
    }
}

fn counts(model: &[u8]) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for function in one(model, 502).map(|program| map(program, 2)).unwrap_or_default().values() {
        for block in map(function, 3).values() {
            count_ops(block, &mut counts);
        }
    }
    for stage in one(model, 202).map(|pipeline| all(pipeline, 1)).unwrap_or_default() {
        for (name, count) in self::counts(stage) {
            *counts.entry(name).or_default() += count;
        }
    }
    counts
}

/// Compiles a specification and what lies beside it into the files of a folder.
fn compile(model: &[u8], beside: &Files, folder: &str, out: &mut Files) {
    let spec_version = int(model, 1).unwrap_or_default();
    let description = one(model, 2).unwrap_or_default();
    let at = |name: &str| if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
    if let Some(program) = one(model, 502) {
        let text = program_text(program, spec_version);
        for (path, bytes) in beside {
            // Of several weight files a model takes those that its program names.
            if text.contains(&format!("\"@model_path/{path}\"")) {
                out.push((at(path), bytes.clone()));
            }
        }
        out.push((at("model.mil"), text.into_bytes()));
        out.push((at("coremldata.bin"), coremldata(502, spec_version, description)));
        out.push((at("analytics/coremldata.bin"), vec![0; 8]));
    } else {
        let pipeline = one(model, 202).expect("a program or a pipeline");
        out.push((at("coremldata.bin"), coremldata(202, spec_version, description)));
        let mut names = (all(pipeline, 2).len() as u64).to_le_bytes().to_vec();
        for name in all(pipeline, 2) {
            names.extend((name.len() as u64).to_le_bytes());
            names.extend(name);
        }
        out.push((at("modelNames/coremldata.bin"), names));
        for (index, stage) in all(pipeline, 1).into_iter().enumerate() {
            compile(stage, beside, &at(&format!("model{index}")), out);
        }
    }
}

/// The compiled form of a package's files, in a folder `NAME.mlmodelc`.
pub(crate) fn compiled(name: &str, package: &Files) -> Files {
    let spec = package.iter().find(|(path, _)| path.ends_with(".mlmodel")).expect("a specification");
    let folder = spec.0.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned() + "/";
    let beside: Files = package
        .iter()
        .filter_map(|(path, bytes)| Some((path.strip_prefix(&folder)?.to_owned(), bytes.clone())))
        .filter(|(path, _)| !path.ends_with(".mlmodel"))
        .collect();
    let mut out = Vec::new();
    compile(&spec.1, &beside, "", &mut out);
    let kind = if one(&spec.1, 502).is_some() { "mlProgram" } else { "pipeline" };
    let metadata = serde_json::json!([{
        "metadataOutputVersion": "3.0",
        "specificationVersion": int(&spec.1, 1),
        "modelType": {"name": format!("MLModelType_{kind}")},
        "mlProgramOperationTypeHistogram": counts(&spec.1),
    }]);
    out.push(("metadata.json".to_owned(), metadata.to_string().into_bytes()));
    out.into_iter().map(|(path, bytes)| (format!("{name}.mlmodelc/{path}"), bytes)).collect()
}
