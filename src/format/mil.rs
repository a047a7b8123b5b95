//! MIL programs as a specification writes them: protobuf messages become statements for [`super::graph`].
//!
//! Nested blocks are read by recursion that [`Limits::depth`](super::Limits::depth) bounds; Core ML itself gives up
//! earlier.

use super::{
    Fault, ReadError,
    constant::{Constant, Typed, constant, named},
    graph::{Binding, Body, Programs},
    wire::{Payload, Span},
};
use crate::model::{Block, Function, Op, OpKind};

impl Programs<'_, '_> {
    /// Reads a `Program`; `prefix` sets its functions apart from those of other models of a pipeline.
    pub(super) fn program(&mut self, mut program: Span, prefix: &str) -> Result<Vec<String>, ReadError> {
        let mut functions: Vec<(String, Option<Span>)> = Vec::new();
        while let Some(field) = self.wire.next(&mut program)? {
            if let (2, Payload::Bytes(entry)) = (field.number, field.value) {
                let (name, value) = self.wire.map_entry(entry)?;
                if functions.len() + self.model.functions.len() >= self.limits.functions {
                    let what = format!("the model has more than {} functions", self.limits.functions);
                    return Err(self.wire.error(
                        Fault::TooLarge,
                        entry.at,
                        what,
                        "it is larger than this planner can show",
                    ));
                }
                functions.retain(|(known, _)| *known != name);
                functions.push((name, value));
            }
        }
        // The order of a protobuf map means nothing.
        sort_by_name(&mut functions);
        if functions.is_empty() {
            self.notes.add(self.file, "the program has no functions: Core ML refuses it");
        }
        let mut names = Vec::with_capacity(functions.len());
        for (name, span) in functions {
            let Some(span) = span else { continue };
            let function = self.function(format!("{prefix}{name}"), span)?;
            self.model.functions.push(function);
            names.push(name);
        }
        Ok(names)
    }

    fn function(&mut self, name: String, mut message: Span) -> Result<Function, ReadError> {
        let (mut inputs, mut opset, mut blocks) = (Vec::new(), String::new(), Vec::new());
        while let Some(field) = self.wire.next(&mut message)? {
            match (field.number, field.value) {
                (1, Payload::Bytes(span)) => inputs.push(named(self.wire, span)?),
                (2, Payload::Bytes(span)) => opset = self.wire.text(span)?,
                (3, Payload::Bytes(span)) => {
                    let (key, value) = self.wire.map_entry(span)?;
                    blocks.extend(value.map(|value| (key, value)));
                }
                _ => {}
            }
        }
        let (mut function, mut body) = self.begin_function(name, opset, inputs);
        let chosen = blocks.iter().find(|(key, _)| *key == function.opset).or(blocks.first());
        let block = match chosen {
            Some((key, span)) => {
                if *key != function.opset {
                    let text = format!(
                        "function `{}` is for {}, but has operations for {key} only; those are shown",
                        function.name, function.opset
                    );
                    self.notes.add(self.file, text);
                }
                Some(self.block(*span, &mut body, 0)?)
            }
            None => {
                self.notes.add(self.file, format!("function `{}` has no operations", function.name));
                None
            }
        };
        self.finish_function(&mut function, body, block)?;
        Ok(function)
    }

    fn block(&mut self, message: Span, body: &mut Body, depth: u32) -> Result<Block, ReadError> {
        self.check_depth(depth, message.at)?;
        let mark = (depth > 0).then(|| body.enter_block());
        let (mut rest, mut outputs) = (message, Vec::new());
        let mut block = Block { inputs: Vec::new(), outputs: Vec::new(), ops: Vec::new() };
        while let Some(field) = self.wire.next(&mut rest)? {
            match (field.number, field.value) {
                (1, Payload::Bytes(span)) => {
                    let input = named(self.wire, span)?;
                    block.inputs.push(self.block_input(input, body));
                }
                (2, Payload::Bytes(span)) => outputs.push(self.wire.text(span)?),
                (3, Payload::Bytes(span)) => self.operation(span, body, &mut block.ops, depth)?,
                _ => {}
            }
        }
        // The names of results are resolved last: in the file they stand before the operations.
        for name in outputs {
            block.outputs.push(self.look_up(name, "the block's result", body));
        }
        if let Some(mark) = mark {
            body.leave_block(mark);
        }
        Ok(block)
    }

    fn operation(&mut self, message: Span, body: &mut Body, ops: &mut Vec<Op>, depth: u32) -> Result<(), ReadError> {
        self.count_statement(message.at)?;
        let mut raw = RawOp::default();
        let mut rest = message;
        while let Some(field) = self.wire.next(&mut rest)? {
            match (field.number, field.value) {
                (1, Payload::Bytes(span)) => raw.kind = self.wire.text(span)?,
                (2, Payload::Bytes(span)) => raw.inputs.push(span),
                (3, Payload::Bytes(span)) => raw.outputs.push(span),
                (4, Payload::Bytes(span)) => raw.blocks.push(span),
                (5, Payload::Bytes(span)) => raw.attributes.push(span),
                _ => {}
            }
        }
        let kind = self.kind(&raw.kind);
        if kind == OpKind::Const {
            let output = raw.outputs.first().copied().map(|span| named(self.wire, span)).transpose()?;
            let value = self.attribute(&raw, "val")?;
            self.constant_op(output, value, body)
        } else if kind.is_constant() || raw.kind.starts_with("constexpr_") {
            let mut args = Vec::with_capacity(raw.attributes.len());
            for attribute in &raw.attributes {
                if let (param, Some(span)) = self.wire.map_entry(*attribute)? {
                    args.push((param, vec![Binding::Value(constant(self.wire, span)?)]));
                }
            }
            sort_by_name(&mut args);
            args.extend(self.arguments(&raw)?);
            let outputs = self.outputs(&raw)?;
            self.constexpr_op(kind, args, outputs, body)
        } else {
            let args = self.arguments(&raw)?;
            let inputs = self.op_inputs(kind, &raw.kind, args, body)?;
            let mut blocks = Vec::with_capacity(raw.blocks.len());
            for block in &raw.blocks {
                blocks.push(self.block(*block, body, depth + 1)?);
            }
            let outputs = self.outputs(&raw)?;
            let outputs = self.op_outputs(outputs, body);
            ops.push(Op { kind, inputs, outputs, blocks });
            Ok(())
        }
    }

    fn attribute(&mut self, raw: &RawOp, wanted: &str) -> Result<Option<Constant>, ReadError> {
        for attribute in &raw.attributes {
            let (key, value) = self.wire.map_entry(*attribute)?;
            if let Some(span) = value
                && key == wanted
            {
                return Ok(Some(constant(self.wire, span)?));
            }
        }
        Ok(None)
    }

    fn outputs(&mut self, raw: &RawOp) -> Result<Vec<(String, Typed)>, ReadError> {
        raw.outputs.iter().map(|span| named(self.wire, *span)).collect()
    }

    /// The arguments by parameter name.
    fn arguments(&mut self, raw: &RawOp) -> Result<Vec<(String, Vec<Binding>)>, ReadError> {
        let mut arguments = Vec::with_capacity(raw.inputs.len());
        for input in &raw.inputs {
            let (param, argument) = self.wire.map_entry(*input)?;
            let bindings = argument.map(|argument| self.bindings(argument)).transpose()?;
            arguments.push((param, bindings.unwrap_or_default()));
        }
        sort_by_name(&mut arguments);
        Ok(arguments)
    }

    fn bindings(&mut self, mut argument: Span) -> Result<Vec<Binding>, ReadError> {
        let mut found = Vec::new();
        while let Some(field) = self.wire.next(&mut argument)? {
            let (1, Payload::Bytes(mut binding)) = (field.number, field.value) else { continue };
            while let Some(field) = self.wire.next(&mut binding)? {
                match (field.number, field.value) {
                    (1, Payload::Bytes(span)) => found.push(Binding::Name(self.wire.text(span)?)),
                    (2, Payload::Bytes(span)) => found.push(Binding::Value(constant(self.wire, span)?)),
                    _ => {}
                }
            }
        }
        Ok(found)
    }
}

/// The order of a protobuf map means nothing; the order of its keys is at least always the same.
fn sort_by_name<T>(entries: &mut [(String, T)]) {
    entries.sort_by(|a, b| a.0.cmp(&b.0));
}

/// An operation whose parts have been found but not read.
#[derive(Default)]
struct RawOp {
    kind: String,
    inputs: Vec<Span>,
    outputs: Vec<Span>,
    blocks: Vec<Span>,
    attributes: Vec<Span>,
}
