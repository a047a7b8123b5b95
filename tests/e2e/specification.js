// Writes Core ML packages for the tests: ML programs of any length, with any names. Only what the tests need of protobuf:
// numbers, texts and messages.
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const varint = (value) => {
  const bytes = [];
  for (let rest = BigInt(value); ; rest >>= 7n) {
    if (rest < 128n) return Buffer.from([...bytes, Number(rest)]);
    bytes.push(Number(rest & 127n) | 128);
  }
};
const number = (field, value) => Buffer.concat([varint(field << 3), varint(value)]);
const message = (field, ...parts) => {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part)));
  return Buffer.concat([varint((field << 3) | 2), varint(body.length), body]);
};
const entry = (field, key, ...value) => message(field, message(1, Buffer.from(key)), message(2, ...value));
const FLOAT32 = 11;
const type = (field, size) => message(field, message(1, number(1, FLOAT32), number(2, 1), message(3, message(1, number(1, size)))));
const named = (field, name, size) => message(field, message(1, Buffer.from(name)), type(2, size));
const bound = (param, name) => entry(2, param, message(1, message(1, Buffer.from(name))));

/** Where a weight of `size` numbers stands in a weight file, after the weights before it. */
const places = (weights) => {
  let end = 64;
  return weights.map(([, size]) => {
    const at = end;
    end += 64 + Math.ceil((size * 4) / 64) * 64;
    return at;
  });
};

/** A weight file: its header, then a record and the numbers of each weight. */
const weightFile = (weights) => {
  const header = Buffer.alloc(64);
  header.writeUInt32LE(weights.length, 0);
  header.writeUInt32LE(2, 4);
  const offsets = places(weights);
  const records = weights.map(([, size], idx) => {
    const record = Buffer.alloc(64 + Math.ceil((size * 4) / 64) * 64);
    record.writeUInt32LE(0xdeadbeef, 0);
    record.writeUInt32LE(2, 4);
    record.writeBigUInt64LE(BigInt(size * 4), 8);
    record.writeBigUInt64LE(BigInt(offsets[idx] + 64), 16);
    return record;
  });
  return Buffer.concat([header, ...records]);
};

/** A constant that stands in the weight file. */
const constant = (name, size, offset) => {
  const file = message(5, message(1, Buffer.from("@model_path/weights/weight.bin")), number(2, offset));
  return message(3, message(1, Buffer.from("const")), named(3, name, size), entry(5, "val", type(2, size), file));
};

/** An operation of two values. */
export const operation = (kind, x, y, result, size) =>
  message(3, message(1, Buffer.from(kind)), bound("x", x), bound("y", y), named(3, result, size));

/** Writes a package folder and returns its path. `weights` are names and sizes; one function takes `x`. */
export const pack = (name, weights, operations, result) => {
  const offsets = places(weights);
  const constants = weights.map(([weight, size], idx) => constant(weight, size, offsets[idx]));
  const block = [message(2, Buffer.from(result)), ...constants, ...operations];
  const main = entry(2, "main", named(1, "x", 4), message(2, Buffer.from("CoreML7")), entry(3, "CoreML7", ...block));
  const model = Buffer.concat([number(1, 8), message(2), message(502, number(1, 1), main)]);
  const root = join(mkdtempSync(join(tmpdir(), "planner-")), `${name}.mlpackage`);
  const data = join(root, "Data", "com.apple.CoreML");
  mkdirSync(join(data, "weights"), { recursive: true });
  writeFileSync(join(data, "model.mlmodel"), model);
  writeFileSync(join(data, "weights", "weight.bin"), weightFile(weights));
  const item = (path) => ({ author: "com.apple.CoreML", description: "", name: path, path: `com.apple.CoreML/${path}` });
  const itemInfoEntries = { a: item("model.mlmodel"), b: item("weights") };
  const manifest = { fileFormatVersion: "1.0.0", itemInfoEntries, rootModelIdentifier: "a" };
  writeFileSync(join(root, "Manifest.json"), JSON.stringify(manifest));
  return root;
};

/** A package of that many operations in a row, reading weights named after 24 layers. */
export const long = (n_operations) => {
  const weights = [];
  for (let layer = 0; layer < 24; layer++) {
    for (const part of ["attn_q", "attn_k", "mlp_up", "mlp_down"]) {
      weights.push([`model_layers_${layer}_${part}_weight`, part.startsWith("mlp") ? 4096 : 1024]);
    }
  }
  const operations = [];
  let last = "x";
  for (let idx = 0; idx < n_operations; idx++) {
    const kind = ["add", "mul", "sub"][idx % 3];
    operations.push(operation(kind, last, `model_layers_${idx % 24}_attn_q_weight`, `sum_${idx}`, 1024));
    last = `sum_${idx}`;
  }
  return pack("long", weights, operations, last);
};
