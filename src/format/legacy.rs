//! Model types from before ML programs: neural networks layer by layer, the rest by type and interface.
//!
//! The layers of a neural network become the operations of a function, each with the name that its field has in the
//! specification, and its weights rows of the weight table. Weights lie inside the specification; they are stepped over
//! by their length. Absent on purpose: shapes of values between layers, which the format does not state, and anything
//! inside trees, linear models and support vectors.

use std::collections::HashMap;

use super::{
    Fault, ReadError,
    files::short,
    graph::Programs,
    wire::{Payload, Span},
};
use crate::model::{
    Block, Consumer, DType, Def, Encoding, Function, Granularity, Model, Op, OpKind, Part, PartRole, Place, Role,
    Section, TensorType, Value, ValueId, ValueType, Weight, WeightId,
};

/// What a message may hold that matters here.
enum Inside {
    /// A `WeightParams`, and the parameter's name.
    Weights(&'static str),
    /// A message that holds some.
    Enter(u32),
    /// Another network.
    Network,
    Nothing,
}

/// Messages that are no layers, numbered apart from them.
const LSTM: u32 = 1;
const ALPHA_BETA: u32 = 2;
const ACTIVATION: u32 = 130;

fn inside(message: u32, field: u32) -> Inside {
    match (message, field) {
        (100, 90) | (1471, 60) | (140 | 150 | 500 | 1040, 20) | (1045, 8) => Inside::Weights("weights"),
        (100, 91) | (1471, 61) | (140 | 150 | 1040, 21) | (1045, 9) | (245, 5) | (250, 2) => Inside::Weights("bias"),
        (160, 15) | (1350, 3) => Inside::Weights("gamma"),
        (160, 16) | (1350, 4) => Inside::Weights("beta"),
        (160, 17) => Inside::Weights("mean"),
        (160, 18) => Inside::Weights("variance"),
        (245, 2) => Inside::Weights("scale"),
        (290 | 1070, 2) => Inside::Weights("data"),
        (400, 30) | (410, 30..=32) | (LSTM, 1..=4) => Inside::Weights("weightMatrix"),
        (400, 31) | (410, 50..=52) | (LSTM, 20..=23) => Inside::Weights("recursionMatrix"),
        (400, 32) | (410, 70..=72) | (LSTM, 40..=43) => Inside::Weights("biasVector"),
        (LSTM, 60..=62) => Inside::Weights("peepholeVector"),
        (420 | 430, 20) => Inside::Enter(LSTM),
        (400 | 410 | 420 | 430, 10) | (430, 11) => Inside::Enter(ACTIVATION),
        (ACTIVATION, 25 | 71) => Inside::Enter(ALPHA_BETA),
        (ALPHA_BETA, 1) => Inside::Weights("alpha"),
        (ALPHA_BETA, 2) => Inside::Weights("beta"),
        (605, 1 | 2) | (615, 3 | 4) => Inside::Network,
        _ => Inside::Nothing,
    }
}

/// Characters of a layer's name that each of its weights carries.
const NAME_MAX: usize = 100;

/// The network being read.
#[derive(Default)]
struct Net {
    values: Vec<Value>,
    scope: HashMap<String, ValueId>,
}

impl Net {
    fn value(&mut self, name: String, ty: ValueType, def: Def) -> ValueId {
        let id = ValueId(self.values.len() as u32);
        if !name.is_empty() {
            self.scope.insert(name.clone(), id);
        }
        self.values.push(Value { name, ty, def });
        id
    }

    fn read(&mut self, name: String) -> ValueId {
        match self.scope.get(&name) {
            Some(known) => *known,
            None => self.value(name, ValueType::Other, Def::Input),
        }
    }
}

impl Programs<'_, '_> {
    /// Reads a `NeuralNetwork`, classifier or regressor: their layers have the same numbers.
    pub(super) fn neural_network(&mut self, message: Span, name: String) -> Result<(), ReadError> {
        let mut net = Net::default();
        let ops = self.layers(message, &mut net, 0)?;
        let inputs = (0..net.values.len() as u32).map(ValueId);
        let is_input = |id: &ValueId| net.values.get(id.0 as usize).is_some_and(|value| value.def == Def::Input);
        let inputs = inputs.filter(is_input).collect();
        self.model.functions.push(Function {
            name,
            opset: "NeuralNetwork".to_owned(),
            role: Role::Single,
            inputs,
            outputs: Vec::new(),
            states: Vec::new(),
            sections: vec![Section { times: 1, ops }],
            values: net.values,
        });
        Ok(())
    }

    fn layers(&mut self, mut message: Span, net: &mut Net, depth: u32) -> Result<Vec<Op>, ReadError> {
        if depth > self.limits.depth {
            let what = format!("networks are nested more than {} deep", self.limits.depth);
            return Err(self.wire.error(Fault::TooLarge, message.at, what, "Core ML cannot load such a model either"));
        }
        let mut ops = Vec::new();
        while let Some(field) = self.wire.next(&mut message)? {
            if let (1, Payload::Bytes(span)) = (field.number, field.value) {
                ops.push(self.layer(span, net, depth)?);
            }
        }
        Ok(ops)
    }

    fn layer(&mut self, mut message: Span, net: &mut Net, depth: u32) -> Result<Op, ReadError> {
        self.n_ops += 1;
        if self.n_ops > self.limits.ops {
            let what = format!("the model has more than {} layers", self.limits.ops);
            return Err(self.wire.error(Fault::TooLarge, message.at, what, "it is larger than this planner can show"));
        }
        let (mut name, mut inputs, mut outputs, mut kind) = (String::new(), Vec::new(), Vec::new(), None);
        while let Some(field) = self.wire.next(&mut message)? {
            match (field.number, field.value) {
                (1, Payload::Bytes(span)) => name = self.wire.text(span)?,
                (2, Payload::Bytes(span)) => inputs.push(self.wire.text(span)?),
                (3, Payload::Bytes(span)) => outputs.push(self.wire.text(span)?),
                (number @ 100.., Payload::Bytes(span)) => kind = Some((number, span)),
                _ => {}
            }
        }
        let (number, params) = kind.unwrap_or((0, Span { at: message.end, end: message.end }));
        let symbol = match LAYERS.binary_search_by_key(&number, |(known, _)| *known) {
            Ok(at) => self.model.names.intern(LAYERS.get(at).map_or("", |(_, name)| name)),
            Err(_) => {
                self.notes.add(self.file, format!("layer `{name}` has the unknown type {number}"));
                self.model.names.intern(&format!("layer{number}"))
            }
        };
        let mut op = Op { kind: OpKind::Other(symbol), inputs: Vec::new(), outputs: Vec::new(), blocks: Vec::new() };
        if !inputs.is_empty() {
            let values = inputs.into_iter().map(|input| net.read(input)).collect();
            op.inputs.push((self.model.names.intern("input"), values));
        }
        self.layer_params(&name, number, params, net, &mut op, depth)?;
        op.outputs.extend(outputs.into_iter().map(|output| net.value(output, ValueType::Other, Def::Op)));
        Ok(op)
    }

    /// Finds what a layer stores and which networks it holds.
    fn layer_params(
        &mut self,
        name: &str,
        number: u32,
        params: Span,
        net: &mut Net,
        op: &mut Op,
        depth: u32,
    ) -> Result<(), ReadError> {
        let mut waiting = vec![(number, params)];
        while let Some((message, mut rest)) = waiting.pop() {
            while let Some(field) = self.wire.next(&mut rest)? {
                let Payload::Bytes(span) = field.value else { continue };
                match inside(message, field.number) {
                    Inside::Weights(param) => {
                        let Some(weight) = self.weight_params(span, format!("{}.{param}", short(name, NAME_MAX)))?
                        else {
                            continue;
                        };
                        let consumer = Consumer { op: op.kind, param: param.to_owned() };
                        let value = net.weight(&mut self.model, weight, consumer);
                        op.inputs.push((self.model.names.intern(param), vec![value]));
                    }
                    Inside::Enter(inner) => waiting.push((inner, span)),
                    Inside::Network => {
                        let ops = self.layers(span, net, depth + 1)?;
                        op.blocks.push(Block { inputs: Vec::new(), outputs: Vec::new(), ops });
                    }
                    Inside::Nothing => {}
                }
            }
        }
        Ok(())
    }

    /// A `WeightParams`: what it holds and how it is encoded; `None` when it is empty.
    fn weight_params(&mut self, mut message: Span, name: String) -> Result<Option<Weight>, ReadError> {
        let (mut data, mut table, mut scale, mut bits) = (None, 0_u64, 0_u64, 0_u64);
        let mut n_floats = 0_u64;
        while let Some(field) = self.wire.next(&mut message)? {
            match (field.number, field.value) {
                (1, Payload::Bytes(span)) => n_floats += span.len() / 4,
                (1, Payload::Fixed32(_)) => n_floats += 1,
                (2 | 30 | 31, Payload::Bytes(span)) if span.len() > 0 => data = Some((field.number, span.len())),
                (40, Payload::Bytes(mut quantization)) => {
                    while let Some(field) = self.wire.next(&mut quantization)? {
                        match (field.number, field.value) {
                            (1, Payload::Varint(value)) => bits = value,
                            (101, Payload::Bytes(span)) => scale = self.n_floats(span)?,
                            (102, Payload::Bytes(span)) => table = self.n_floats(span)?,
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
        let part = |role, dtype, bytes| Part { role, dtype, bytes, place: Place::Inline };
        let mut parts = Vec::new();
        let (elements, dtype, encoding) = match data {
            _ if n_floats > 0 => {
                parts.push(part(PartRole::Data, DType::Fp32, n_floats * 4));
                (n_floats, DType::Fp32, Encoding::Dense)
            }
            Some((2, bytes)) => {
                parts.push(part(PartRole::Data, DType::Fp16, bytes));
                (bytes / 2, DType::Fp16, Encoding::Dense)
            }
            Some((31, bytes)) => {
                parts.push(part(PartRole::Data, DType::Int8, bytes));
                (bytes, DType::Fp32, Encoding::Linear { bits: 8, granularity: Granularity::PerTensor })
            }
            Some((_, bytes)) => {
                let bits = bits.clamp(1, 8);
                parts.push(part(PartRole::Data, DType::UInt8, bytes));
                let encoding = if table > 0 {
                    parts.push(part(PartRole::Table, DType::Fp32, table * 4));
                    Encoding::Palettized { bits: bits as u32, tables: 1, vector: 1, int8_table: false }
                } else {
                    parts.push(part(PartRole::Scale, DType::Fp32, scale * 4));
                    // One scale and one bias for the tensor, or one pair for each channel.
                    let granularity = if scale <= 2 { Granularity::PerTensor } else { Granularity::PerChannel };
                    Encoding::Linear { bits: bits as u32, granularity }
                };
                (bytes * 8 / bits, DType::Fp32, encoding)
            }
            None => return Ok(None),
        };
        Ok(Some(Weight { name, shape: vec![elements], dtype, encoding, parts, copies: 1, consumer: None }))
    }

    /// Numbers in the float lists of a message.
    fn n_floats(&mut self, mut message: Span) -> Result<u64, ReadError> {
        let mut n = 0;
        while let Some(field) = self.wire.next(&mut message)? {
            match field.value {
                Payload::Bytes(span) => n += span.len() / 4,
                Payload::Fixed32(_) => n += 1,
                Payload::Varint(_) | Payload::Fixed64(_) => {}
            }
        }
        Ok(n)
    }
}

impl Net {
    fn weight(&mut self, model: &mut Model, mut weight: Weight, consumer: Consumer) -> ValueId {
        let id = WeightId(model.weights.len() as u32);
        let ty = ValueType::Tensor(TensorType::fixed(weight.dtype, &weight.shape));
        weight.consumer = Some(consumer);
        model.weights.push(weight);
        self.value(String::new(), ty, Def::Weight(id))
    }
}

/// Field numbers of the layer types, in order.
#[rustfmt::skip]
const LAYERS: &[(u32, &str)] = &[
    (100, "convolution"), (120, "pooling"), (130, "activation"), (140, "innerProduct"), (150, "embedding"),
    (160, "batchnorm"), (165, "mvn"), (170, "l2normalize"), (175, "softmax"), (180, "lrn"), (190, "crop"),
    (200, "padding"), (210, "upsample"), (211, "resizeBilinear"), (212, "cropResize"), (220, "unary"), (230, "add"),
    (231, "multiply"), (240, "average"), (245, "scale"), (250, "bias"), (260, "max"), (261, "min"), (270, "dot"),
    (280, "reduce"), (290, "loadConstant"), (300, "reshape"), (301, "flatten"), (310, "permute"), (320, "concat"),
    (330, "split"), (340, "sequenceRepeat"), (345, "reorganizeData"), (350, "slice"), (400, "simpleRecurrent"),
    (410, "gru"), (420, "uniDirectionalLSTM"), (430, "biDirectionalLSTM"), (500, "custom"), (600, "copy"),
    (605, "branch"), (615, "loop"), (620, "loopBreak"), (625, "loopContinue"), (635, "rangeStatic"),
    (640, "rangeDynamic"), (660, "clip"), (665, "ceil"), (670, "floor"), (680, "sign"), (685, "round"), (700, "exp2"),
    (710, "sin"), (715, "cos"), (720, "tan"), (730, "asin"), (735, "acos"), (740, "atan"), (750, "sinh"),
    (755, "cosh"), (760, "tanh"), (770, "asinh"), (775, "acosh"), (780, "atanh"), (790, "erf"), (795, "gelu"),
    (815, "equal"), (820, "notEqual"), (825, "lessThan"), (827, "lessEqual"), (830, "greaterThan"),
    (832, "greaterEqual"), (840, "logicalOr"), (845, "logicalXor"), (850, "logicalNot"), (855, "logicalAnd"),
    (865, "modBroadcastable"), (870, "minBroadcastable"), (875, "maxBroadcastable"), (880, "addBroadcastable"),
    (885, "powBroadcastable"), (890, "divideBroadcastable"), (895, "floorDivBroadcastable"),
    (900, "multiplyBroadcastable"), (905, "subtractBroadcastable"), (920, "tile"), (925, "stack"), (930, "gather"),
    (935, "scatter"), (940, "gatherND"), (945, "scatterND"), (950, "softmaxND"), (952, "gatherAlongAxis"),
    (954, "scatterAlongAxis"), (960, "reverse"), (965, "reverseSeq"), (975, "splitND"), (980, "concatND"),
    (985, "transpose"), (995, "sliceStatic"), (1000, "sliceDynamic"), (1005, "slidingWindows"), (1015, "topK"),
    (1020, "argMin"), (1025, "argMax"), (1040, "embeddingND"), (1045, "batchedMatmul"), (1065, "getShape"),
    (1070, "loadConstantND"), (1080, "fillLike"), (1085, "fillStatic"), (1090, "fillDynamic"),
    (1100, "broadcastToLike"), (1105, "broadcastToStatic"), (1110, "broadcastToDynamic"), (1120, "squeeze"),
    (1125, "expandDims"), (1130, "flattenTo2D"), (1135, "reshapeLike"), (1140, "reshapeStatic"),
    (1145, "reshapeDynamic"), (1150, "rankPreservingReshape"), (1155, "constantPad"), (1170, "randomNormalLike"),
    (1175, "randomNormalStatic"), (1180, "randomNormalDynamic"), (1190, "randomUniformLike"),
    (1195, "randomUniformStatic"), (1200, "randomUniformDynamic"), (1210, "randomBernoulliLike"),
    (1215, "randomBernoulliStatic"), (1220, "randomBernoulliDynamic"), (1230, "categoricalDistribution"),
    (1250, "reduceL1"), (1255, "reduceL2"), (1260, "reduceMax"), (1265, "reduceMin"), (1270, "reduceSum"),
    (1275, "reduceProd"), (1280, "reduceMean"), (1285, "reduceLogSum"), (1290, "reduceSumSquare"),
    (1295, "reduceLogSumExp"), (1313, "whereNonZero"), (1315, "matrixBandPart"), (1320, "lowerTriangular"),
    (1325, "upperTriangular"), (1330, "whereBroadcastable"), (1350, "layerNormalization"),
    (1400, "NonMaximumSuppression"), (1450, "oneHot"), (1455, "cumSum"), (1460, "clampedReLU"), (1461, "argSort"),
    (1465, "pooling3d"), (1466, "globalPooling3d"), (1470, "sliceBySize"), (1471, "convolution3d"),
];

#[cfg(test)]
mod tests {
    use super::LAYERS;

    #[test]
    fn layer_types_can_be_searched_by_halves() {
        assert!(LAYERS.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
