//! What a MIL program's two written forms have in common: names become values, statements become operations, constants
//! become literals or rows of the weight table.
//!
//! [`super::mil`] reads the protobuf of a specification, [`super::text`] the text of a compiled model; both hand their
//! statements over in the forms below, so that the same program gives the same [`Model`] whichever form it came in.
//! `const` and `constexpr_*` statements do not become operations: small constants become literals, stored ones rows of
//! the weight table (see [`super::weights`]). Names are resolved where they stand, a nested block sees the names around
//! it. Absent on purpose: how anything is written.

use std::collections::HashMap;

use super::{
    Fault, Limits, ReadError,
    blob::Blobs,
    constant::{Constant, Store, Typed, constant, inline_bytes, literal},
    files::Notes,
    weights::{Arg, Expr, INNER, Leaf, LeafPlace, Rows, Stored, part_role},
    wire::{Span, Wire},
};
use crate::model::{
    Block, DType, Def, Function, Literal, Model, OpKind, Role, Section, Sym, Value, ValueId, ValueType,
};

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

/// An argument as it is written.
pub(super) enum Binding {
    /// The name of a value.
    Name(String),
    /// A constant in place.
    Value(Constant),
}

/// A function while it is read.
#[derive(Default)]
pub(super) struct Body {
    values: Vec<Value>,
    /// The value of each name that is in sight.
    scope: HashMap<String, ValueId>,
    /// What nested blocks hid: restored when they end.
    hidden: Vec<(String, Option<ValueId>)>,
    /// Nested blocks that are being read.
    n_open_blocks: u32,
    stored: Stored,
    /// Inline constants by value, in order, for the chains that turn out to read them.
    inline: Vec<(ValueId, Inline)>,
}

/// An inline constant that may turn out to be part of a weight.
enum Inline {
    /// Where it stands in the specification.
    At(Span),
    Leaf(Box<Leaf>),
}

impl Body {
    pub(super) fn define(&mut self, name: String, ty: ValueType, def: Def) -> ValueId {
        let id = ValueId(self.values.len() as u32);
        if !name.is_empty() {
            let before = self.scope.insert(name.clone(), id);
            // The names of the function itself stay in sight to its end.
            if self.n_open_blocks > 0 {
                self.hidden.push((name.clone(), before));
            }
        }
        self.values.push(Value { name, ty, def });
        id
    }

    /// Where a block's own names begin; for [`Self::leave_block`].
    pub(super) fn enter_block(&mut self) -> usize {
        self.n_open_blocks += 1;
        self.hidden.len()
    }

    pub(super) fn leave_block(&mut self, mark: usize) {
        self.n_open_blocks = self.n_open_blocks.saturating_sub(1);
        while self.hidden.len() > mark {
            match self.hidden.pop() {
                Some((name, Some(before))) => self.scope.insert(name, before),
                Some((name, None)) => self.scope.remove(&name),
                None => break,
            };
        }
    }

    /// Whether a value is only known from something that read it too early.
    fn is_forward(&self, id: ValueId) -> bool {
        self.values.get(id.0 as usize).is_some_and(|value| value.def == Def::Op && value.ty == ValueType::Other)
    }
}

impl Programs<'_, '_> {
    /// A function without operations yet, its inputs and states defined.
    pub(super) fn begin_function(
        &mut self,
        name: String,
        opset: String,
        inputs: Vec<(String, Typed)>,
    ) -> (Function, Body) {
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
        for (name, typed) in inputs {
            self.note_type(&name, &typed);
            let (def, list) =
                if typed.is_state { (Def::State, &mut function.states) } else { (Def::Input, &mut function.inputs) };
            list.push(body.define(name, typed.ty, def));
        }
        (function, body)
    }

    /// Takes what was read of a function's block, and makes the rows of its weights.
    pub(super) fn finish_function(
        &mut self,
        function: &mut Function,
        mut body: Body,
        block: Option<Block>,
    ) -> Result<(), ReadError> {
        if let Some(block) = block {
            function.outputs = block.outputs;
            function.sections.push(Section { times: 1, ops: block.ops });
        }
        self.leaves_of_chains(&mut body)?;
        let mut values = std::mem::take(&mut body.values);
        for looped in body.stored.finish(&mut self.model, &mut self.rows, &mut values) {
            let name = values.get(looped.0 as usize).map_or("", |value| value.name.as_str());
            self.notes
                .add(self.file, format!("the constant `{name}` is made from itself, or by a chain that is too long"));
        }
        function.values = values;
        Ok(())
    }

    /// Counts a statement; an error when the model has too many.
    pub(super) fn count_statement(&mut self, at: u64) -> Result<(), ReadError> {
        self.n_ops += 1;
        if self.n_ops > self.limits.ops {
            let what = format!("the model has more than {} operations", self.limits.ops);
            return Err(self.wire.error(Fault::TooLarge, at, what, "it is larger than this planner can show"));
        }
        Ok(())
    }

    /// The error for blocks that are nested too deep, when they are.
    pub(super) fn check_depth(&self, depth: u32, at: u64) -> Result<(), ReadError> {
        if depth > self.limits.depth {
            let what = format!("blocks are nested more than {} deep", self.limits.depth);
            return Err(self.wire.error(Fault::TooLarge, at, what, "Core ML cannot load such a model either"));
        }
        Ok(())
    }

    /// The type of an operation by its name.
    pub(super) fn kind(&mut self, name: &str) -> OpKind {
        OpKind::from_name(name).unwrap_or_else(|| {
            // Said once for each name: the first operation of it interns the name.
            if self.model.names.find(name).is_none() {
                let text = format!(
                    "the operation `{}` is not known here: it counts, and nothing is said of its work",
                    short(name)
                );
                self.notes.add(self.file, text);
            }
            OpKind::Other(self.model.names.intern(name))
        })
    }

    /// A `const` statement.
    pub(super) fn constant_op(
        &mut self,
        output: Option<(String, Typed)>,
        value: Option<Constant>,
        body: &mut Body,
    ) -> Result<(), ReadError> {
        let Some((name, typed)) = output else { return Ok(()) };
        self.note_type(&name, &typed);
        match value {
            Some(value) => {
                self.define_constant(name, Some(typed.ty), value, body)?;
            }
            None => {
                body.define(name, typed.ty, INNER);
            }
        }
        Ok(())
    }

    /// A constant in its place of definition: a literal, or a stored leaf whose row is made at the end.
    fn define_constant(
        &mut self,
        name: String,
        ty: Option<ValueType>,
        found: Constant,
        body: &mut Body,
    ) -> Result<ValueId, ReadError> {
        let ty = ty.filter(|ty| ty.tensor().is_some()).unwrap_or_else(|| found.ty.clone());
        let (literal, inline) = match &found.store {
            Store::Blob(..) => {
                let leaf = self.leaf(&found)?;
                self.check_size(&name, &ty);
                let id = body.define(name, ty, INNER);
                leaf.into_iter().for_each(|leaf| body.stored.leaf(id, leaf));
                return Ok(id);
            }
            Store::Inline(..) => (literal(self.wire, &found)?, Some(Inline::At(found.at))),
            Store::Told { literal, .. } => {
                let leaf = self.leaf(&found)?;
                (literal.clone(), leaf.map(|leaf| Inline::Leaf(Box::new(leaf))))
            }
            Store::Other => (Literal::Opaque, None),
        };
        let id = body.define(name, ty, Def::Const(literal));
        body.inline.extend(inline.map(|inline| (id, inline)));
        Ok(id)
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
            Store::Told { bytes, fingerprint, .. } => (*bytes, LeafPlace::Inline(*fingerprint)),
            Store::Other => return Ok(None),
        };
        Ok(Some(Leaf { ty: found.ty.clone(), bytes, place }))
    }

    /// A `constexpr_*` statement; `args` are its attributes and its inputs.
    pub(super) fn constexpr_op(
        &mut self,
        kind: OpKind,
        args: Vec<(String, Vec<Binding>)>,
        outputs: Vec<(String, Typed)>,
        body: &mut Body,
    ) -> Result<(), ReadError> {
        let mut found = Vec::new();
        for (param, bindings) in args {
            if part_role(&param).is_none() {
                continue;
            }
            for binding in bindings {
                match binding {
                    Binding::Name(name) => {
                        // A value that is not there yet may be this operation itself, or come later.
                        let value = match body.scope.get(&name) {
                            Some(value) => *value,
                            None => forward(name, body),
                        };
                        found.push((param.clone(), Arg::Value(value)));
                    }
                    Binding::Value(value) => {
                        found.extend(self.leaf(&value)?.map(|leaf| (param.clone(), Arg::Leaf(leaf))));
                    }
                }
            }
        }
        let mut ids = Vec::with_capacity(outputs.len());
        for (name, typed) in outputs {
            self.note_type(&name, &typed);
            self.check_size(&name, &typed.ty);
            let known = body.scope.get(&name).copied().filter(|id| body.is_forward(*id));
            ids.push(match known {
                Some(id) => {
                    if let Some(value) = body.values.get_mut(id.0 as usize) {
                        (value.ty, value.def) = (typed.ty, INNER);
                    }
                    id
                }
                None => body.define(name, typed.ty, INNER),
            });
        }
        body.stored.exprs.push(Expr { kind, args: found, outputs: ids });
        Ok(())
    }

    /// The inputs of an operation; `name` is the operation's own, for warnings.
    pub(super) fn op_inputs(
        &mut self,
        kind: OpKind,
        name: &str,
        args: Vec<(String, Vec<Binding>)>,
        body: &mut Body,
    ) -> Result<Vec<(Sym, Vec<ValueId>)>, ReadError> {
        let mut inputs = Vec::with_capacity(args.len());
        for (param, bindings) in args {
            let mut values = Vec::with_capacity(bindings.len());
            for binding in bindings {
                let value = match binding {
                    Binding::Name(read) => self.look_up(read, name, body),
                    Binding::Value(value) => self.define_constant(String::new(), None, value, body)?,
                };
                // Only a stored constant can become a row of the weight table.
                if body.values.get(value.0 as usize).is_some_and(|value| value.def == INNER) {
                    body.stored.read_by(value, kind, &param);
                }
                values.push(value);
            }
            inputs.push((self.model.names.intern(&param), values));
        }
        Ok(inputs)
    }

    /// The results of an operation.
    pub(super) fn op_outputs(&mut self, outputs: Vec<(String, Typed)>, body: &mut Body) -> Vec<ValueId> {
        let mut values = Vec::with_capacity(outputs.len());
        for (name, typed) in outputs {
            self.note_type(&name, &typed);
            values.push(body.define(name, typed.ty, Def::Op));
        }
        values
    }

    /// A parameter of a block.
    pub(super) fn block_input(&mut self, (name, typed): (String, Typed), body: &mut Body) -> ValueId {
        self.note_type(&name, &typed);
        body.define(name, typed.ty, Def::Input)
    }

    /// The value of a name; one that nothing makes is noted.
    pub(super) fn look_up(&mut self, name: String, reader: &str, body: &mut Body) -> ValueId {
        if let Some(known) = body.scope.get(&name) {
            return *known;
        }
        self.notes.add(self.file, format!("`{reader}` reads `{name}`, which nothing before it makes"));
        forward(name, body)
    }

    fn note_type(&mut self, name: &str, typed: &Typed) {
        if typed.odd_rank {
            self.notes.add(self.file, format!("`{name}` states another rank than it has dimensions"));
        }
        if typed.ty.tensor().is_some_and(|tensor| tensor.dtype == DType::Unknown) {
            self.notes.add(self.file, format!("`{name}` has an unknown element type"));
        }
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
            let Ok(at) = body.inline.binary_search_by_key(&value, |(id, _)| *id) else { continue };
            let leaf = match body.inline.get(at) {
                Some((_, Inline::At(span))) => {
                    let found = constant(self.wire, *span)?;
                    self.leaf(&found)?
                }
                Some((_, Inline::Leaf(leaf))) => Some(leaf.as_ref().clone()),
                None => None,
            };
            leaf.into_iter().for_each(|leaf| body.stored.leaf(value, leaf));
        }
        Ok(())
    }
}

/// A name that something reads before it is made.
fn forward(name: String, body: &mut Body) -> ValueId {
    body.define(name, ValueType::Other, Def::Op)
}

/// A name from a file, short enough for a warning.
fn short(name: &str) -> String {
    name.chars().take(60).collect()
}
