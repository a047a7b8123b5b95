//! Builds a function operation by operation: what `lower` and tests write graphs with.

use super::{
    Consumer, DType, Def, Function, Literal, Model, Op, OpKind, Role, Section, TensorType, Value, ValueId, ValueType,
    Weight, WeightId,
};

/// Adds operations to one function of a model. Weights and names go into the model's own tables.
pub struct FunctionBuilder<'m> {
    model: &'m mut Model,
    function: Function,
    /// Copies of the section being written.
    times: u32,
}

impl<'m> FunctionBuilder<'m> {
    /// Starts a function.
    pub fn new(model: &'m mut Model, name: &str, role: Role) -> Self {
        let function = Function {
            name: name.to_owned(),
            opset: String::new(),
            role,
            values: Vec::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            states: Vec::new(),
            sections: Vec::new(),
        };
        Self { model, function, times: 1 }
    }

    /// Starts a run of operations that the graph holds `times` times in a row.
    pub fn section(&mut self, times: u32) {
        self.times = times;
        self.function.sections.push(Section { times, ops: Vec::new() });
    }

    fn add(&mut self, name: String, ty: ValueType, def: Def) -> ValueId {
        let id = ValueId(self.function.values.len() as u32);
        self.function.values.push(Value { name, ty, def });
        id
    }

    /// An input of the function.
    pub fn input(&mut self, name: &str, dtype: DType, shape: &[u64]) -> ValueId {
        let id = self.add(name.to_owned(), ValueType::Tensor(TensorType::fixed(dtype, shape)), Def::Input);
        self.function.inputs.push(id);
        id
    }

    /// A state of the function. `copies` layers of a section each have one: it is listed once, with a leading dimension.
    pub fn state(&mut self, name: &str, dtype: DType, shape: &[u64]) -> ValueId {
        let id = self.add(name.to_owned(), ValueType::Tensor(TensorType::fixed(dtype, shape)), Def::State);
        self.function.states.push(id);
        id
    }

    /// A stored weight of the current section: one row, with a copy for each repetition.
    pub fn weight(&mut self, name: &str, dtype: DType, shape: &[u64]) -> ValueId {
        let id = WeightId(self.model.weights.len() as u32);
        self.model.weights.push(Weight::planned(name, shape, dtype, self.times));
        self.add(name.to_owned(), ValueType::Tensor(TensorType::fixed(dtype, shape)), Def::Weight(id))
    }

    /// The weight of that name: stored with so many copies when it is first asked for, looked up from then on (a tied
    /// head, the second function). A row may have more copies than the section: the experts of a layer, of which a
    /// call reads as many as the graph has operations that read the row.
    pub fn weight_named(&mut self, name: &str, dtype: DType, shape: &[u64], copies: u32) -> ValueId {
        let known = self.model.weights.iter().position(|weight| weight.name == name);
        let id = WeightId(known.unwrap_or(self.model.weights.len()) as u32);
        if known.is_none() {
            self.model.weights.push(Weight::planned(name, shape, dtype, copies));
        }
        self.shared_weight(id)
    }

    /// A weight that another place of the model already stores (a tied head, the second function).
    pub fn shared_weight(&mut self, weight: WeightId) -> ValueId {
        let (name, ty) = match self.model.weight(weight) {
            Some(stored) => (stored.name.clone(), ValueType::Tensor(TensorType::fixed(stored.dtype, &stored.shape))),
            None => (String::new(), ValueType::Other),
        };
        self.add(name, ty, Def::Weight(weight))
    }

    /// A small constant.
    pub fn literal(&mut self, literal: Literal) -> ValueId {
        let (dtype, n) = match &literal {
            Literal::Ints(all) => (DType::Int32, all.len()),
            Literal::Floats(all) => (DType::Fp16, all.len()),
            Literal::Bools(all) => (DType::Bool, all.len()),
            Literal::Text(_) => (DType::String, 1),
            Literal::Opaque => (DType::Unknown, 0),
        };
        let name = format!("const_{}", self.function.values.len());
        self.add(name, ValueType::Tensor(TensorType::fixed(dtype, &[n as u64])), Def::Const(literal))
    }

    /// An operation with one result.
    pub fn op(&mut self, kind: OpKind, inputs: &[(&str, ValueId)], dtype: DType, shape: &[u64]) -> ValueId {
        let lists: Vec<(&str, Vec<ValueId>)> = inputs.iter().map(|(param, value)| (*param, vec![*value])).collect();
        let outputs = self.op_n(kind, &lists, &[(dtype, shape)]);
        outputs.first().copied().unwrap_or(ValueId(u32::MAX))
    }

    /// An operation with list arguments or several results.
    pub fn op_n(&mut self, kind: OpKind, inputs: &[(&str, Vec<ValueId>)], outputs: &[(DType, &[u64])]) -> Vec<ValueId> {
        let label = self.model.op_name(kind).to_owned();
        let mut ids = Vec::with_capacity(outputs.len());
        for (dtype, shape) in outputs {
            let name = format!("{label}_{}", self.function.values.len());
            ids.push(self.add(name, ValueType::Tensor(TensorType::fixed(*dtype, shape)), Def::Op));
        }
        let mut named = Vec::with_capacity(inputs.len());
        for (param, values) in inputs {
            for value in values {
                self.note_consumer(*value, kind, param);
            }
            named.push((self.model.names.intern(param), values.clone()));
        }
        if self.function.sections.is_empty() {
            self.section(1);
        }
        if let Some(section) = self.function.sections.last_mut() {
            section.ops.push(Op { kind, inputs: named, outputs: ids.clone(), blocks: Vec::new() });
        }
        ids
    }

    fn note_consumer(&mut self, value: ValueId, op: OpKind, param: &str) {
        let Some(weight) = self.function.weight(value) else { return };
        if let Some(stored) = self.model.weights.get_mut(weight.0 as usize)
            && stored.consumer.is_none()
        {
            stored.consumer = Some(Consumer { op, param: param.to_owned() });
        }
    }

    /// The shape of a value; empty when it is not a tensor.
    #[must_use]
    pub fn shape(&self, value: ValueId) -> Vec<u64> {
        let dims = self.function.tensor(value).map(|tensor| tensor.shape.as_slice()).unwrap_or_default();
        dims.iter().map(|dim| if let super::Dim::Fixed(size) = dim { *size } else { 1 }).collect()
    }

    /// The weight behind a value, for [`Self::shared_weight`].
    #[must_use]
    pub fn weight_id(&self, value: ValueId) -> Option<WeightId> {
        self.function.weight(value)
    }

    /// Ends the function with its results and adds it to the model.
    pub fn finish(mut self, outputs: &[ValueId]) {
        self.function.outputs = outputs.to_vec();
        self.model.functions.push(self.function);
    }
}
