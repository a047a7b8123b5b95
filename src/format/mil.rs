//! ML programs: the functions, operations and weights of a `MILSpec.Program`, straight into the graph type.
//!
//! `const` operations become constants or weights of the values they define; `constexpr_*` chains become one weight
//! with its parts. Everything else becomes an operation, with nested blocks where it has them.

use std::collections::HashMap;

use crate::model::{
    Block, Consumer, DType, Def, Function, Literal, Model, Op, OpKind, Part, PartRole, Place, Role, Section, Sym,
    Value, ValueId, ValueType, Weight, WeightId,
};

use super::{
    Limits, ReadError,
    constexpr::{self, Node},
    value::{MOST_DEEP, MOST_TEXT, Parsed, named, value},
    wire::{Payload, Span, Wire},
};

/// What decoding a program needs beside its bytes.
pub(super) struct Context<'a> {
    pub limits: &'a Limits,
    /// The number of a weight file by the name a blob reference gives it.
    pub file_of: &'a dyn Fn(&str) -> Option<u32>,
    /// References to files that are not there, and whatever else is odd.
    pub warnings: &'a mut Vec<String>,
    pub n_ops: usize,
}

/// Decodes a program and adds its functions and weights to the model.
pub(super) fn program(
    wire: &mut Wire<'_>,
    span: Span,
    prefix: &str,
    model: &mut Model,
    context: &mut Context<'_>,
) -> Result<(), ReadError> {
    wire.within(span, |wire, end| {
        let mut weights = Weights::default();
        let mut n_functions = 0;
        while let Some((number, payload)) = wire.field(end)? {
            let (2, Payload::Bytes(entry)) = (number, payload) else { continue };
            let (name, body) = map_entry(wire, entry)?;
            if let Some(body) = body {
                let name = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
                let function = function(wire, body, name, model, &mut weights, context)?;
                model.functions.push(function);
                n_functions += 1;
            }
        }
        if n_functions == 0 {
            context.warnings.push("the program has no functions".to_owned());
        }
        weights.settle(model);
        Ok(())
    })
}

/// `map<string, Message>`: the key, and where the message is.
fn map_entry(wire: &mut Wire<'_>, span: Span) -> Result<(String, Option<Span>), ReadError> {
    wire.within(span, |wire, end| {
        let (mut key, mut message) = (String::new(), None);
        while let Some((number, payload)) = wire.field(end)? {
            match (number, payload) {
                (1, Payload::Bytes(text)) => key = wire.text(text, MOST_TEXT)?,
                (2, Payload::Bytes(inner)) => message = Some(inner),
                _ => {}
            }
        }
        Ok((key, message))
    })
}

/// Weights of a program while it is read: one for each distinct place, and which of them turned out to be parts.
#[derive(Default)]
struct Weights {
    by_place: HashMap<(Vec<Place>, Vec<u64>), WeightId>,
    /// Weights that became parts of another one.
    merged: Vec<bool>,
    /// First weight of this program in the model's table.
    first: usize,
    started: bool,
}

impl Weights {
    fn add(&mut self, model: &mut Model, weight: Weight) -> WeightId {
        if !self.started {
            self.started = true;
            self.first = model.weights.len();
        }
        let places: Vec<Place> = weight.parts.iter().map(|part| part.place.clone()).collect();
        let is_stored = places.iter().any(|place| matches!(place, Place::Blob { .. }));
        let key = (places, weight.shape.clone());
        if is_stored && let Some(known) = self.by_place.get(&key) {
            return *known;
        }
        let id = WeightId(model.weights.len() as u32);
        model.weights.push(weight);
        self.merged.push(false);
        if is_stored {
            self.by_place.insert(key, id);
        }
        id
    }

    fn merge(&mut self, id: WeightId) {
        if let Some(slot) = (id.0 as usize).checked_sub(self.first).and_then(|at| self.merged.get_mut(at)) {
            *slot = true;
        }
    }

    /// Drops the rows that became parts, and renumbers what refers to the others.
    fn settle(self, model: &mut Model) {
        if !self.merged.contains(&true) {
            return;
        }
        let mut moved = Vec::with_capacity(self.merged.len());
        let mut next = self.first as u32;
        for merged in &self.merged {
            moved.push(WeightId(next));
            next += u32::from(!merged);
        }
        let mut at = 0;
        let first = self.first;
        model.weights.retain(|_| {
            let keep = at < first || !self.merged.get(at - first).copied().unwrap_or(false);
            at += 1;
            keep
        });
        for value in model.functions.iter_mut().flat_map(|function| &mut function.values) {
            if let Def::Weight(id) = &mut value.def
                && let Some(new) = (id.0 as usize).checked_sub(first).and_then(|at| moved.get(at))
            {
                *id = *new;
            }
        }
    }
}

/// A function while it is read.
struct Scope {
    function: Function,
    by_name: HashMap<String, ValueId>,
    nodes: HashMap<ValueId, Node>,
}

impl Scope {
    fn define(&mut self, name: String, ty: ValueType, def: Def) -> ValueId {
        let id = ValueId(self.function.values.len() as u32);
        self.by_name.insert(name.clone(), id);
        self.function.values.push(Value { name, ty, def });
        id
    }

    /// The value of a name; a name nobody defined becomes an input of unknown type.
    fn find(&mut self, name: &str, context: &mut Context<'_>) -> ValueId {
        if let Some(id) = self.by_name.get(name) {
            return *id;
        }
        if context.warnings.len() < 100 {
            context.warnings.push(format!("an operation reads `{name}`, which nothing defines"));
        }
        self.define(name.to_owned(), ValueType::Other, Def::Input)
    }
}

fn function(
    wire: &mut Wire<'_>,
    span: Span,
    name: String,
    model: &mut Model,
    weights: &mut Weights,
    context: &mut Context<'_>,
) -> Result<Function, ReadError> {
    wire.within(span, |wire, end| {
        let mut scope = Scope {
            function: Function {
                name,
                opset: String::new(),
                role: Role::Single,
                values: Vec::new(),
                inputs: Vec::new(),
                outputs: Vec::new(),
                states: Vec::new(),
                sections: Vec::new(),
            },
            by_name: HashMap::new(),
            nodes: HashMap::new(),
        };
        let mut blocks: Vec<(String, Span)> = Vec::new();
        while let Some((number, payload)) = wire.field(end)? {
            match (number, payload) {
                (1, Payload::Bytes(input)) => {
                    let is_state = is_state(wire, input)?;
                    let (name, ty) = named(wire, input)?;
                    let def = if is_state { Def::State } else { Def::Input };
                    let id = scope.define(name, ty, def);
                    if is_state { scope.function.states.push(id) } else { scope.function.inputs.push(id) }
                }
                (2, Payload::Bytes(text)) => scope.function.opset = wire.text(text, MOST_TEXT)?,
                (3, Payload::Bytes(entry)) => {
                    if let (opset, Some(block)) = map_entry(wire, entry)? {
                        blocks.push((opset, block));
                    }
                }
                _ => {}
            }
        }
        let wanted = blocks.iter().find(|(opset, _)| *opset == scope.function.opset);
        if wanted.is_none() && !blocks.is_empty() {
            let text = format!(
                "function `{}` has no block for its operation set `{}`; another one is shown",
                scope.function.name, scope.function.opset
            );
            context.warnings.push(text);
        }
        if let Some((_, span)) = wanted.or(blocks.first()).cloned() {
            let block = block(wire, span, 0, &mut scope, model, weights, context)?;
            scope.function.outputs = block.outputs;
            scope.function.sections.push(Section { times: 1, ops: block.ops });
        }
        Ok(scope.function)
    })
}

/// Whether a `NamedValueType` is a state: its type has field 5.
fn is_state(wire: &mut Wire<'_>, span: Span) -> Result<bool, ReadError> {
    wire.within(span, |wire, end| {
        let mut is_state = false;
        while let Some((number, payload)) = wire.field(end)? {
            if let (2, Payload::Bytes(ty)) = (number, payload) {
                is_state = wire.within(ty, |wire, end| {
                    let mut found = false;
                    while let Some((number, _)) = wire.field(end)? {
                        found |= number == 5;
                    }
                    Ok(found)
                })?;
            }
        }
        Ok(is_state)
    })
}

fn block(
    wire: &mut Wire<'_>,
    span: Span,
    depth: u32,
    scope: &mut Scope,
    model: &mut Model,
    weights: &mut Weights,
    context: &mut Context<'_>,
) -> Result<Block, ReadError> {
    if depth > MOST_DEEP {
        let mut error = wire.error(span.start, format!("blocks are nested deeper than {MOST_DEEP}"));
        error.hint = "Core ML's own loader stops there too: flatten the control flow".to_owned();
        return Err(error);
    }
    wire.within(span, |wire, end| {
        let mut block = Block { inputs: Vec::new(), outputs: Vec::new(), ops: Vec::new() };
        let mut outputs = Vec::new();
        while let Some((number, payload)) = wire.field(end)? {
            match (number, payload) {
                (1, Payload::Bytes(input)) => {
                    let (name, ty) = named(wire, input)?;
                    block.inputs.push(scope.define(name, ty, Def::Input));
                }
                (2, Payload::Bytes(text)) => outputs.push(wire.text(text, MOST_TEXT)?),
                (3, Payload::Bytes(op)) => {
                    context.n_ops += 1;
                    if context.n_ops > context.limits.ops {
                        return Err(wire.error(op.start, format!("more than {} operations", context.limits.ops)));
                    }
                    if let Some(op) = operation(wire, op, depth, scope, model, weights, context)? {
                        block.ops.push(op);
                    }
                }
                _ => {}
            }
        }
        block.outputs = outputs.iter().map(|name| scope.find(name, context)).collect();
        Ok(block)
    })
}

/// An argument: the name of a value, or a value written in place.
enum Binding {
    Name(String),
    Inline(Parsed),
}

fn operation(
    wire: &mut Wire<'_>,
    span: Span,
    depth: u32,
    scope: &mut Scope,
    model: &mut Model,
    weights: &mut Weights,
    context: &mut Context<'_>,
) -> Result<Option<Op>, ReadError> {
    let mut kind_name = String::new();
    let mut arguments: Vec<(String, Vec<Binding>)> = Vec::new();
    let mut outputs: Vec<(String, ValueType)> = Vec::new();
    let mut attributes: Vec<(String, Parsed)> = Vec::new();
    let mut bodies: Vec<Span> = Vec::new();
    wire.within(span, |wire, end| {
        while let Some((number, payload)) = wire.field(end)? {
            match (number, payload) {
                (1, Payload::Bytes(text)) => kind_name = wire.text(text, MOST_TEXT)?,
                (2, Payload::Bytes(entry)) => {
                    if let (name, Some(argument)) = map_entry(wire, entry)? {
                        let bindings = bindings(wire, argument)?;
                        arguments.push((name, bindings));
                    }
                }
                (3, Payload::Bytes(output)) => outputs.push(named(wire, output)?),
                (4, Payload::Bytes(body)) => bodies.push(body),
                (5, Payload::Bytes(entry)) => {
                    if let (name, Some(inner)) = map_entry(wire, entry)?
                        && name != "name"
                    {
                        attributes.push((name, value(wire, inner)?));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    })?;
    // The order of a map on the wire is arbitrary; the order of a document must not be.
    arguments.sort_by(|a, b| a.0.cmp(&b.0));
    let kind = match OpKind::from_name(&kind_name) {
        Some(kind) => kind,
        None => OpKind::Other(model.names.intern(&kind_name)),
    };
    if kind == OpKind::Const {
        let held = attributes.into_iter().find(|(name, _)| name == "val").map(|(_, held)| held);
        if let (Some(held), Some((name, ty))) = (held, outputs.into_iter().next()) {
            constant(scope, model, weights, context, name, ty, held);
        }
        return Ok(None);
    }
    if kind.is_constant() {
        compressed(kind, arguments, attributes, outputs, scope, model, weights, context);
        return Ok(None);
    }
    let mut inputs: Vec<(Sym, Vec<ValueId>)> = Vec::with_capacity(arguments.len());
    for (name, bindings) in arguments {
        let sym = model.names.intern(&name);
        let mut values = Vec::with_capacity(bindings.len());
        for binding in bindings {
            let id = match binding {
                Binding::Name(name) => scope.find(&name, context),
                Binding::Inline(held) => {
                    let ty = held.ty.clone();
                    let label = format!("{name}_{}", scope.function.values.len());
                    constant(scope, model, weights, context, label, ty, held)
                }
            };
            if let Some(Def::Weight(weight)) = scope.function.value(id).map(|value| &value.def)
                && let Some(row) = model.weights.get_mut(weight.0 as usize)
                && row.consumer.is_none()
            {
                row.consumer = Some(Consumer { op: kind, param: name.clone() });
            }
            values.push(id);
        }
        inputs.push((sym, values));
    }
    let mut blocks = Vec::with_capacity(bodies.len());
    for body in bodies {
        blocks.push(block(wire, body, depth + 1, scope, model, weights, context)?);
    }
    wire.enter(Span { start: span.end, end: span.end });
    let outputs = outputs.into_iter().map(|(name, ty)| scope.define(name, ty, Def::Op)).collect();
    Ok(Some(Op { kind, inputs, outputs, blocks }))
}

fn bindings(wire: &mut Wire<'_>, span: Span) -> Result<Vec<Binding>, ReadError> {
    wire.within(span, |wire, end| {
        let mut bindings = Vec::new();
        while let Some((number, payload)) = wire.field(end)? {
            let (1, Payload::Bytes(one)) = (number, payload) else { continue };
            let binding = wire.within(one, |wire, end| {
                let mut binding = None;
                while let Some((number, payload)) = wire.field(end)? {
                    match (number, payload) {
                        (1, Payload::Bytes(text)) => binding = Some(Binding::Name(wire.text(text, MOST_TEXT)?)),
                        (2, Payload::Bytes(inner)) => binding = Some(Binding::Inline(value(wire, inner)?)),
                        _ => {}
                    }
                }
                Ok(binding)
            })?;
            bindings.extend(binding);
        }
        Ok(bindings)
    })
}

/// A constant: a weight when it is stored in a weight file, a literal otherwise.
fn constant(
    scope: &mut Scope,
    model: &mut Model,
    weights: &mut Weights,
    context: &mut Context<'_>,
    name: String,
    ty: ValueType,
    held: Parsed,
) -> ValueId {
    let ty = if ty == ValueType::Other { held.ty.clone() } else { ty };
    let def = if held.blob.is_some() {
        let part = part(PartRole::Data, &held, context);
        let tensor = held.tensor();
        let weight = Weight {
            name: name.clone(),
            shape: constexpr::shape_of(tensor),
            dtype: tensor.map_or(DType::Unknown, |tensor| tensor.dtype),
            encoding: crate::model::Encoding::Dense,
            parts: vec![part],
            copies: 1,
            consumer: None,
        };
        Def::Weight(weights.add(model, weight))
    } else {
        Def::Const(held.literal)
    };
    scope.define(name, ty, def)
}

fn part(role: PartRole, held: &Parsed, context: &mut Context<'_>) -> Part {
    if let Some((file, _)) = &held.blob
        && (context.file_of)(file).is_none()
    {
        let text = format!("a weight is stored in `{file}`, which is not part of the package");
        if !context.warnings.contains(&text) {
            context.warnings.push(text);
        }
    }
    Part {
        role,
        dtype: held.tensor().map_or(DType::Unknown, |tensor| tensor.dtype),
        bytes: held.bytes(),
        place: held.place(context.file_of),
    }
}

/// A `constexpr_*` operation: parameters as attributes (up to iOS 17) or as inputs (from iOS 18), and perhaps the
/// results of others as parameters.
#[allow(clippy::too_many_arguments, reason = "each is a piece of the one operation that is read")]
fn compressed(
    kind: OpKind,
    arguments: Vec<(String, Vec<Binding>)>,
    attributes: Vec<(String, Parsed)>,
    outputs: Vec<(String, ValueType)>,
    scope: &mut Scope,
    model: &mut Model,
    weights: &mut Weights,
    context: &mut Context<'_>,
) {
    let mut node = Node::new(kind);
    for (name, held) in attributes {
        let part = constexpr::role(&name).map(|role| part(role, &held, context));
        node.take(&name, &held, part);
    }
    for (name, bindings) in arguments {
        for binding in bindings {
            match binding {
                Binding::Inline(held) => {
                    let part = constexpr::role(&name).map(|role| part(role, &held, context));
                    node.take(&name, &held, part);
                }
                Binding::Name(source) => {
                    let id = scope.find(&source, context);
                    if let Some(inner) = scope.nodes.get(&id) {
                        node.take_node(&name, inner);
                    } else if let Some(Def::Weight(weight)) = scope.function.value(id).map(|value| value.def.clone())
                        && let Some(row) = model.weight(weight)
                    {
                        // A `const` that a constexpr reads is a part of it.
                        node.take_weight(&name, row);
                        weights.merge(weight);
                        continue;
                    }
                    if let Some(Def::Weight(weight)) = scope.function.value(id).map(|value| &value.def) {
                        weights.merge(*weight);
                    }
                }
            }
        }
    }
    let n_outputs = outputs.len();
    for (at, (name, ty)) in outputs.into_iter().enumerate() {
        let weight = node.weight(name.clone(), ty.tensor());
        // Of two results (mask and data) the last stands for the weight; both are parts of what reads them.
        let def =
            if at + 1 == n_outputs { Def::Weight(weights.add(model, weight)) } else { Def::Const(Literal::Opaque) };
        let id = scope.define(name, ty, def);
        scope.nodes.insert(id, node.clone());
    }
}
