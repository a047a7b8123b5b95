//! MIL programs: functions, blocks and operations become the functions of a [`Model`].
//!
//! `const` and `constexpr_*` operations do not become operations: small constants become literals, stored ones rows of
//! the weight table (see [`super::weights`]). Names are resolved where they stand, a nested block sees the names around
//! it. Nested blocks are read by recursion that [`Limits::depth`] bounds; Core ML itself gives up earlier.

use std::collections::HashMap;

use super::{
    Limits, ReadError,
    blob::Blobs,
    constant::{Constant, Store, Typed, constant, inline_bytes, literal, named},
    files::Notes,
    weights::{Arg, Expr, INNER, Leaf, LeafPlace, Rows, Stored, part_role},
    wire::{Payload, Span, Wire},
};
use crate::model::{Block, DType, Def, Function, Literal, Model, Op, OpKind, Role, Section, Value, ValueId, ValueType};

/// Reads the programs of one artefact into one model.
pub(super) struct Programs<'a, 's> {
    pub(super) wire: &'a mut Wire<'s>,
    pub(super) blobs: Blobs<'a>,
    pub(super) notes: Notes,
    pub(super) limits: &'a Limits,
    /// The specification's path, for warnings.
    pub(super) file: &'a str,
    pub(super) model: Model,
    pub(super) rows: Rows,
    pub(super) n_ops: usize,
}

/// A function while it is read.
#[derive(Default)]
struct Body {
    values: Vec<Value>,
    /// The value of each name that is in sight.
    scope: HashMap<String, ValueId>,
    /// What nested blocks hid: restored when they end.
    hidden: Vec<(String, Option<ValueId>)>,
    stored: Stored,
    /// Inline constants by value, in order: where they stand, for the chains that turn out to read them.
    inline: Vec<(ValueId, Span)>,
}

impl Body {
    fn define(&mut self, name: String, ty: ValueType, def: Def) -> ValueId {
        let id = ValueId(self.values.len() as u32);
        if !name.is_empty() {
            let before = self.scope.insert(name.clone(), id);
            self.hidden.push((name.clone(), before));
        }
        self.values.push(Value { name, ty, def });
        id
    }

    fn leave_block(&mut self, mark: usize) {
        while self.hidden.len() > mark {
            match self.hidden.pop() {
                Some((name, Some(before))) => self.scope.insert(name, before),
                Some((name, None)) => self.scope.remove(&name),
                None => break,
            };
        }
    }
}

impl Programs<'_, '_> {
    /// Reads a `Program`; `prefix` sets its functions apart from those of other models of a pipeline.
    pub(super) fn program(&mut self, mut program: Span, prefix: &str) -> Result<Vec<String>, ReadError> {
        let mut functions: Vec<(String, Option<Span>)> = Vec::new();
        while let Some(field) = self.wire.next(&mut program)? {
            if let (2, Payload::Bytes(entry)) = (field.number, field.value) {
                let (name, value) = self.wire.map_entry(entry)?;
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
                (1, Payload::Bytes(span)) => inputs.push(span),
                (2, Payload::Bytes(span)) => opset = self.wire.text(span)?,
                (3, Payload::Bytes(span)) => {
                    let (key, value) = self.wire.map_entry(span)?;
                    blocks.extend(value.map(|value| (key, value)));
                }
                _ => {}
            }
        }
        let mut body = Body::default();
        let mut function = Function {
            name,
            opset,
            role: Role::Single,
            values: Vec::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            states: Vec::new(),
            sections: Vec::new(),
        };
        for input in inputs {
            let (name, typed) = self.named(input)?;
            let (def, list) =
                if typed.is_state { (Def::State, &mut function.states) } else { (Def::Input, &mut function.inputs) };
            list.push(body.define(name, typed.ty, def));
        }
        let chosen = blocks.iter().find(|(key, _)| *key == function.opset).or(blocks.first());
        match chosen {
            Some((key, span)) => {
                if *key != function.opset {
                    let text = format!(
                        "function `{}` is for {}, but has operations for {key} only; those are shown",
                        function.name, function.opset
                    );
                    self.notes.add(self.file, text);
                }
                let block = self.block(*span, &mut body, 0)?;
                function.outputs = block.outputs;
                function.sections.push(Section { times: 1, ops: block.ops });
            }
            None => self.notes.add(self.file, format!("function `{}` has no operations", function.name)),
        }
        self.leaves_of_chains(&mut body)?;
        let mut values = std::mem::take(&mut body.values);
        for looped in body.stored.finish(&mut self.model, &mut self.rows, &mut values) {
            let name = values.get(looped.0 as usize).map_or("", |value| value.name.as_str());
            self.notes
                .add(self.file, format!("the constant `{name}` is made from itself, or by a chain that is too long"));
        }
        function.values = values;
        Ok(function)
    }

    fn block(&mut self, message: Span, body: &mut Body, depth: u32) -> Result<Block, ReadError> {
        if depth > self.limits.depth {
            let what = format!("blocks are nested more than {} deep", self.limits.depth);
            return Err(self.wire.error(message.at, what, "Core ML cannot load such a model either"));
        }
        let mark = body.hidden.len();
        let (mut rest, mut outputs) = (message, Vec::new());
        let mut block = Block { inputs: Vec::new(), outputs: Vec::new(), ops: Vec::new() };
        while let Some(field) = self.wire.next(&mut rest)? {
            match (field.number, field.value) {
                (1, Payload::Bytes(span)) => {
                    let (name, typed) = self.named(span)?;
                    block.inputs.push(body.define(name, typed.ty, Def::Input));
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
        if depth > 0 {
            body.leave_block(mark);
        }
        Ok(block)
    }

    fn operation(&mut self, message: Span, body: &mut Body, ops: &mut Vec<Op>, depth: u32) -> Result<(), ReadError> {
        self.n_ops += 1;
        if self.n_ops > self.limits.ops {
            let what = format!("the model has more than {} operations", self.limits.ops);
            return Err(self.wire.error(message.at, what, "it is larger than this planner can show"));
        }
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
        let kind = OpKind::from_name(&raw.kind).unwrap_or_else(|| OpKind::Other(self.model.names.intern(&raw.kind)));
        if kind == OpKind::Const {
            self.constant_op(&raw, body)
        } else if kind.is_constant() || raw.kind.starts_with("constexpr_") {
            self.constexpr_op(kind, &raw, body)
        } else {
            let op = self.plain_op(kind, &raw, body, depth)?;
            ops.push(op);
            Ok(())
        }
    }

    fn constant_op(&mut self, raw: &RawOp, body: &mut Body) -> Result<(), ReadError> {
        let (name, typed) = match raw.outputs.first() {
            Some(output) => self.named(*output)?,
            None => return Ok(()),
        };
        for attribute in &raw.attributes {
            let (key, value) = self.wire.map_entry(*attribute)?;
            if let ("val", Some(span)) = (key.as_str(), value) {
                self.define_constant(name, Some(typed.ty), span, body)?;
                return Ok(());
            }
        }
        body.define(name, typed.ty, INNER);
        Ok(())
    }

    /// A constant in its place of definition: a literal, or a stored leaf whose row is made at the end.
    fn define_constant(
        &mut self,
        name: String,
        ty: Option<ValueType>,
        span: Span,
        body: &mut Body,
    ) -> Result<ValueId, ReadError> {
        let found = constant(self.wire, span)?;
        let ty = ty.filter(|ty| ty.tensor().is_some()).unwrap_or_else(|| found.ty.clone());
        Ok(match &found.store {
            Store::Blob(..) => {
                let leaf = self.leaf(&found)?;
                self.check_size(&name, &ty);
                let id = body.define(name, ty, INNER);
                leaf.into_iter().for_each(|leaf| body.stored.leaf(id, leaf));
                id
            }
            Store::Inline(..) => {
                let literal = literal(self.wire, &found)?;
                let id = body.define(name, ty, Def::Const(literal));
                body.inline.push((id, span));
                id
            }
            Store::Other => body.define(name, ty, Def::Const(Literal::Opaque)),
        })
    }

    fn leaf(&mut self, found: &Constant) -> Result<Option<Leaf>, ReadError> {
        let (bytes, place) = match &found.store {
            Store::Blob(name, offset) => {
                let blob = self.blobs.refer(name, *offset, found.ty.tensor(), &mut self.notes);
                (blob.bytes, LeafPlace::Blob(blob))
            }
            Store::Inline(list, values) => {
                let fingerprint = self.wire.fingerprint(*values)?;
                (inline_bytes(self.wire, *list, *values, &found.ty)?, LeafPlace::Inline(fingerprint))
            }
            Store::Other => return Ok(None),
        };
        Ok(Some(Leaf { ty: found.ty.clone(), bytes, place }))
    }

    fn constexpr_op(&mut self, kind: OpKind, raw: &RawOp, body: &mut Body) -> Result<(), ReadError> {
        let mut args = Vec::new();
        for attribute in &raw.attributes {
            let (param, value) = self.wire.map_entry(*attribute)?;
            if let (Some(_), Some(span)) = (part_role(&param), value) {
                let found = constant(self.wire, span)?;
                args.extend(self.leaf(&found)?.map(|leaf| (param, Arg::Leaf(leaf))));
            }
        }
        for (param, value) in self.arguments(raw)? {
            let (Some(_), Some(mut argument)) = (part_role(&param), value) else { continue };
            for binding in self.bindings(&mut argument)? {
                match binding {
                    Binding::Name(name) => {
                        // A value that is not there yet may be this operation itself, or come later.
                        let value = match body.scope.get(&name) {
                            Some(value) => *value,
                            None => self.forward(name, body),
                        };
                        args.push((param.clone(), Arg::Value(value)));
                    }
                    Binding::Value(span) => {
                        let found = constant(self.wire, span)?;
                        args.extend(self.leaf(&found)?.map(|leaf| (param.clone(), Arg::Leaf(leaf))));
                    }
                }
            }
        }
        let mut outputs = Vec::with_capacity(raw.outputs.len());
        for output in &raw.outputs {
            let (name, typed) = self.named(*output)?;
            self.check_size(&name, &typed.ty);
            let known = body.scope.get(&name).copied().filter(|id| is_forward(body, *id));
            outputs.push(match known {
                Some(id) => {
                    if let Some(value) = body.values.get_mut(id.0 as usize) {
                        (value.ty, value.def) = (typed.ty, INNER);
                    }
                    id
                }
                None => body.define(name, typed.ty, INNER),
            });
        }
        body.stored.exprs.push(Expr { kind, args, outputs });
        Ok(())
    }

    /// A name that something reads before it is made.
    fn forward(&mut self, name: String, body: &mut Body) -> ValueId {
        body.define(name, ValueType::Other, Def::Op)
    }

    fn plain_op(&mut self, kind: OpKind, raw: &RawOp, body: &mut Body, depth: u32) -> Result<Op, ReadError> {
        let arguments = self.arguments(raw)?;
        let mut inputs = Vec::with_capacity(arguments.len());
        for (param, argument) in arguments {
            let mut values = Vec::new();
            if let Some(mut argument) = argument {
                for binding in self.bindings(&mut argument)? {
                    let value = match binding {
                        Binding::Name(name) => self.look_up(name, &raw.kind, body),
                        Binding::Value(span) => self.define_constant(String::new(), None, span, body)?,
                    };
                    // Only a stored constant can become a row of the weight table.
                    if body.values.get(value.0 as usize).is_some_and(|value| value.def == INNER) {
                        body.stored.read_by(value, kind, &param);
                    }
                    values.push(value);
                }
            }
            inputs.push((self.model.names.intern(&param), values));
        }
        let mut blocks = Vec::with_capacity(raw.blocks.len());
        for block in &raw.blocks {
            blocks.push(self.block(*block, body, depth + 1)?);
        }
        let mut outputs = Vec::with_capacity(raw.outputs.len());
        for output in &raw.outputs {
            let (name, typed) = self.named(*output)?;
            outputs.push(body.define(name, typed.ty, Def::Op));
        }
        Ok(Op { kind, inputs, outputs, blocks })
    }

    /// The arguments by parameter name.
    fn arguments(&mut self, raw: &RawOp) -> Result<Vec<(String, Option<Span>)>, ReadError> {
        let mut arguments = Vec::with_capacity(raw.inputs.len());
        for input in &raw.inputs {
            arguments.push(self.wire.map_entry(*input)?);
        }
        sort_by_name(&mut arguments);
        Ok(arguments)
    }

    fn bindings(&mut self, argument: &mut Span) -> Result<Vec<Binding>, ReadError> {
        let mut found = Vec::new();
        while let Some(field) = self.wire.next(argument)? {
            let (1, Payload::Bytes(mut binding)) = (field.number, field.value) else { continue };
            while let Some(field) = self.wire.next(&mut binding)? {
                match (field.number, field.value) {
                    (1, Payload::Bytes(span)) => found.push(Binding::Name(self.wire.text(span)?)),
                    (2, Payload::Bytes(span)) => found.push(Binding::Value(span)),
                    _ => {}
                }
            }
        }
        Ok(found)
    }

    fn look_up(&mut self, name: String, reader: &str, body: &mut Body) -> ValueId {
        if let Some(known) = body.scope.get(&name) {
            return *known;
        }
        self.notes.add(self.file, format!("`{reader}` reads `{name}`, which nothing before it makes"));
        self.forward(name, body)
    }

    fn named(&mut self, span: Span) -> Result<(String, Typed), ReadError> {
        let (name, typed) = named(self.wire, span)?;
        if typed.odd_rank {
            self.notes.add(self.file, format!("`{name}` states another rank than it has dimensions"));
        }
        if typed.ty.tensor().is_some_and(|tensor| tensor.dtype == DType::Unknown) {
            self.notes.add(self.file, format!("`{name}` has an unknown element type"));
        }
        Ok((name, typed))
    }

    fn check_size(&mut self, name: &str, ty: &ValueType) {
        if ty.tensor().is_some_and(|tensor| tensor.elements().is_none()) {
            self.notes.add(self.file, format!("the shape of `{name}` has more elements than can be counted"));
        }
    }

    /// Inline constants that a chain reads by name become leaves of it.
    fn leaves_of_chains(&mut self, body: &mut Body) -> Result<(), ReadError> {
        let mut wanted: Vec<ValueId> = Vec::new();
        for expr in &body.stored.exprs {
            wanted.extend(expr.args.iter().filter_map(|(_, arg)| match arg {
                Arg::Value(value) => Some(*value),
                Arg::Leaf(_) => None,
            }));
        }
        for value in wanted {
            if body.stored.has_leaf(value) {
                continue;
            }
            if let Ok(at) = body.inline.binary_search_by_key(&value, |(id, _)| *id)
                && let Some((_, span)) = body.inline.get(at).copied()
            {
                let found = constant(self.wire, span)?;
                self.leaf(&found)?.into_iter().for_each(|leaf| body.stored.leaf(value, leaf));
            }
        }
        Ok(())
    }
}

/// The order of a protobuf map means nothing; the order of its keys is at least always the same.
fn sort_by_name(entries: &mut [(String, Option<Span>)]) {
    entries.sort_by(|a, b| a.0.cmp(&b.0));
}

/// Whether a value is only known from something that read it too early.
fn is_forward(body: &Body, id: ValueId) -> bool {
    body.values.get(id.0 as usize).is_some_and(|value| value.def == Def::Op && value.ty == ValueType::Other)
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

enum Binding {
    Name(String),
    Value(Span),
}
