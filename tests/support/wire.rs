//! Writes protobuf and the messages of a Core ML specification, for tests.

#![allow(dead_code, reason = "each test takes what it needs")]

/// A variable-length number.
pub(crate) fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value > 0x7F {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A number in a field.
pub(crate) fn number(field: u64, value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    varint(field << 3, &mut out);
    varint(value, &mut out);
    out
}

/// A message in a field.
pub(crate) fn message(field: u64, parts: &[Vec<u8>]) -> Vec<u8> {
    let body = parts.concat();
    let mut out = Vec::new();
    varint(field << 3 | 2, &mut out);
    varint(body.len() as u64, &mut out);
    out.extend(body);
    out
}

/// Text in a field.
pub(crate) fn text(field: u64, text: &str) -> Vec<u8> {
    message(field, &[text.as_bytes().to_vec()])
}

/// An entry of a map of messages.
pub(crate) fn map_entry(field: u64, key: &str, value: &[Vec<u8>]) -> Vec<u8> {
    message(field, &[text(1, key), message(2, value)])
}

/// A `ValueType` in a field: a tensor.
pub(crate) fn tensor(field: u64, dtype: u64, shape: &[u64]) -> Vec<u8> {
    let dims: Vec<Vec<u8>> = shape.iter().map(|size| message(3, &[message(1, &[number(1, *size)])])).collect();
    message(field, &[message(1, &[number(1, dtype), number(2, shape.len() as u64), dims.concat()])])
}

/// A `NamedValueType` in a field.
pub(crate) fn named(field: u64, name: &str, dtype: u64, shape: &[u64]) -> Vec<u8> {
    message(field, &[text(1, name), tensor(2, dtype, shape)])
}

/// An operation from what it reads by name; `rest` are its blocks and attributes.
pub(crate) fn op(kind: &str, inputs: &[(&str, &str)], output: &str, rest: &[Vec<u8>]) -> Vec<u8> {
    let bound = |(param, name): &(&str, &str)| map_entry(2, param, &[message(1, &[text(1, name)])]);
    let inputs: Vec<Vec<u8>> = inputs.iter().map(bound).collect();
    message(3, &[text(1, kind), inputs.concat(), named(3, output, 10, &[4]), rest.concat()])
}

/// A specification: one function that takes `x` and the truth value `flag`.
pub(crate) fn program(operations: &[Vec<u8>], output: &str) -> Vec<u8> {
    let block = [text(2, output), operations.concat()];
    let inputs = [named(1, "x", 10, &[4]), named(1, "flag", 1, &[])].concat();
    let function = map_entry(2, "main", &[inputs, text(2, "CoreML7"), map_entry(3, "CoreML7", &block)]);
    [number(1, 8), message(2, &[]), message(502, &[number(1, 1), function])].concat()
}
