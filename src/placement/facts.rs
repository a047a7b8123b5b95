//! What rules ask about a function beyond its operations: who makes a value, what reaches a state, which types rule.
//!
//! Computed once for a function. Invariant: walks along makers are bounded. Absent on purpose: any decision.

use crate::{
    machine::Machine,
    model::{DType, Def, Dim, Flexibility, Function, Literal, Model, Op, OpKind, TensorType, ValueId},
};

/// Most steps that a walk along makers takes.
const WALK_MAX: usize = 12;

/// A function, its model and the machine, with what follows from the whole.
pub(super) struct Facts<'m> {
    pub(super) model: &'m Model,
    pub(super) function: &'m Function,
    pub(super) machine: &'m Machine,
    /// What makes each value; `None` for inputs, states and constants.
    makers: Vec<Option<&'m Op>>,
    /// Inputs and outputs of the function itself: a graph may have thousands of each.
    is_input: Vec<bool>,
    is_output: Vec<bool>,
    /// Values that a state is written from, directly or through further updates.
    remembered: Vec<bool>,
    /// Some floating-point result is fp16.
    pub(super) has_half: bool,
    /// Some floating-point result is fp32.
    pub(super) has_full: bool,
    /// How the shapes of the inputs vary.
    pub(super) flexibility: Flexibility,
    /// Whether a flexible shape that no input brings may stand in the function.
    pub(super) computes_shapes: bool,
    /// The only operation that multiplies matrices is attention.
    pub(super) is_bare_attention: bool,
    /// Top-level operations, copies counted.
    pub(super) n_ops: u64,
}

impl<'m> Facts<'m> {
    pub(super) fn of(model: &'m Model, function: &'m Function, machine: &'m Machine) -> Self {
        let (flexibility, computes_shapes) = flexibility(model, function);
        let mut facts = Self {
            model,
            function,
            machine,
            makers: vec![None; function.values.len()],
            is_input: marked(function, &function.inputs),
            is_output: marked(function, &function.outputs),
            remembered: vec![false; function.values.len()],
            has_half: false,
            has_full: false,
            flexibility,
            computes_shapes,
            is_bare_attention: true,
            n_ops: 0,
        };
        let mut written = Vec::new();
        function.visit(&mut |times, op| {
            facts.n_ops += u64::from(times);
            for output in &op.outputs {
                match function.tensor(*output).map(|tensor| tensor.dtype) {
                    Some(DType::Fp16) => facts.has_half = true,
                    Some(DType::Fp32 | DType::Fp64) => facts.has_full = true,
                    _ => {}
                }
                if let Some(slot) = facts.makers.get_mut(output.0 as usize) {
                    *slot = Some(op);
                }
            }
            match op.kind {
                OpKind::WriteState => written.extend(op.input(&model.names, "data")),
                OpKind::Conv | OpKind::ConvTranspose | OpKind::Linear | OpKind::Matmul | OpKind::Einsum => {
                    facts.is_bare_attention = false;
                }
                _ => {}
            }
        });
        for value in written {
            let mut next = Some(value);
            for _ in 0..WALK_MAX {
                let Some(value) = next else { break };
                if let Some(slot) = facts.remembered.get_mut(value.0 as usize) {
                    *slot = true;
                }
                next = facts.maker(value).and_then(|op| passes_on(op).and_then(|param| op.input(&model.names, param)));
            }
        }
        facts
    }

    /// The operation that makes a value.
    pub(super) fn maker(&self, value: ValueId) -> Option<&'m Op> {
        self.makers.get(value.0 as usize).copied().flatten()
    }

    /// The first value of a parameter.
    pub(super) fn arg(&self, op: &Op, param: &str) -> Option<ValueId> {
        op.input(&self.model.names, param)
    }

    /// The tensor type of a parameter.
    pub(super) fn tensor(&self, op: &Op, param: &str) -> Option<&'m TensorType> {
        self.function.tensor(self.arg(op, param)?)
    }

    /// The integers of a parameter that is a constant; empty when there is none.
    pub(super) fn ints(&self, op: &Op, param: &str) -> &'m [i64] {
        match self.arg(op, param).and_then(|value| self.function.literal(value)) {
            Some(Literal::Ints(all)) => all,
            _ => &[],
        }
    }

    /// Whether a parameter is given, and is not a constant.
    pub(super) fn is_dynamic(&self, op: &Op, param: &str) -> bool {
        let def = self.arg(op, param).and_then(|value| self.function.value(value)).map(|value| &value.def);
        matches!(def, Some(Def::Input | Def::State | Def::Op))
    }

    /// Whether a value is an input of the function itself.
    pub(super) fn is_input(&self, value: ValueId) -> bool {
        self.is_input.get(value.0 as usize).copied().unwrap_or(false)
    }

    /// Whether a value is a result of the function itself.
    pub(super) fn is_output(&self, value: ValueId) -> bool {
        self.is_output.get(value.0 as usize).copied().unwrap_or(false)
    }

    /// Whether a value is read from a state, directly or through views and updates.
    pub(super) fn is_from_state(&self, value: ValueId) -> bool {
        let mut next = Some(value);
        for _ in 0..WALK_MAX {
            let Some(op) = next.and_then(|value| self.maker(value)) else { return false };
            if op.kind == OpKind::ReadState {
                return true;
            }
            next = passes_on(op).and_then(|param| self.arg(op, param));
        }
        false
    }

    /// Whether a state is written from a value, directly or through further updates.
    pub(super) fn is_remembered(&self, value: ValueId) -> bool {
        self.remembered.get(value.0 as usize).copied().unwrap_or(false)
    }

    /// Whether a value is an fp32 input, or arithmetic on one alone: what stands before the cast to fp16.
    pub(super) fn is_front(&self, value: ValueId) -> bool {
        let mut next = Some(value);
        for _ in 0..WALK_MAX {
            let Some(value) = next else { return false };
            if self.is_input(value) {
                return true;
            }
            let Some(op) = self.maker(value) else { return false };
            let scales = matches!(op.kind, OpKind::Mul | OpKind::Add | OpKind::Sub | OpKind::RealDiv)
                || matches!(op.kind, OpKind::Other(_));
            if !scales {
                return false;
            }
            let mut data = data_inputs(self.function, self.model, op).map(|(_, value)| value);
            next = match (data.next(), data.next()) {
                (Some(only), None) => Some(only),
                _ => None,
            };
        }
        false
    }
}

/// Which values of a function are in a list.
fn marked(function: &Function, values: &[ValueId]) -> Vec<bool> {
    let mut marked = vec![false; function.values.len()];
    for value in values {
        if let Some(slot) = marked.get_mut(value.0 as usize) {
            *slot = true;
        }
    }
    marked
}

/// The parameter whose value an operation passes on as a view or an update of it.
fn passes_on(op: &Op) -> Option<&'static str> {
    match op.kind {
        OpKind::SliceUpdate
        | OpKind::Reshape
        | OpKind::Transpose
        | OpKind::Squeeze
        | OpKind::ExpandDims
        | OpKind::SliceByIndex
        | OpKind::SliceBySize
        | OpKind::Identity => Some("x"),
        OpKind::Scatter | OpKind::ScatterNd | OpKind::ScatterAlongAxis => Some("data"),
        _ => None,
    }
}

/// How the inputs of a function vary and whether it computes with shapes, as its interface says; without one, an input of
/// flexible shape may be of any size.
fn flexibility(model: &Model, function: &Function) -> (Flexibility, bool) {
    if let Some(own) = model.flexible.iter().find(|own| own.function == function.name) {
        return (own.how, own.computes_shapes);
    }
    let is_flexible = |id: &ValueId| function.tensor(*id).is_some_and(TensorType::is_flexible);
    if function.inputs.iter().any(is_flexible) {
        (Flexibility::Range { span: u64::MAX }, function.computes_shapes(&model.names))
    } else {
        (Flexibility::Fixed, true)
    }
}

/// The values that an operation computes with, with the parameter each is for: constants and places are left out.
pub(super) fn data_inputs<'a>(
    function: &'a Function,
    model: &'a Model,
    op: &'a Op,
) -> impl Iterator<Item = (&'a str, ValueId)> {
    // Where a cache is written is a place, not data: the state pattern takes it as it is.
    let is_place = move |param: &str| op.kind == OpKind::SliceUpdate && matches!(param, "begin" | "end");
    op.inputs
        .iter()
        .map(|(param, values)| (model.names.get(*param), values))
        .filter(move |(param, _)| !is_place(param))
        .flat_map(|(param, values)| values.iter().map(move |value| (param, *value)))
        .filter(|(_, value)| {
            let def = function.value(*value).map(|value| &value.def);
            matches!(def, Some(Def::Input | Def::State | Def::Op))
        })
}

/// Sizes of a shape; one for what is decided at run time.
pub(super) fn sizes(tensor: &TensorType) -> impl DoubleEndedIterator<Item = u64> + '_ {
    tensor.shape.iter().map(|dim| if let Dim::Fixed(size) = dim { *size } else { 1 })
}
