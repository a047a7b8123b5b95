//! Neural networks: the layers of specification versions 1 to 5, and the weights that stand inside them.
//!
//! Layers become operations of their own kinds, without shapes (the specification has none); weights become rows of the
//! weight table. Payloads are stepped over, never read.

use crate::model::{
    Consumer, DType, Def, Encoding, Function, Granularity, Model, Op, OpKind, Part, PartRole, Place, Role, Section,
    Value, ValueId, ValueType, Weight, WeightId,
};

use super::{
    ReadError,
    value::{MOST_DEEP, MOST_TEXT},
    wire::{Payload, Span, Wire},
};

/// Field number, name, and the fields of the layer that hold weights.
#[rustfmt::skip]
const LAYERS: &[(u32, &str, &[u32])] = &[
    (100, "convolution", &[90, 91]),
    (120, "pooling", &[]),
    (130, "activation", &[25, 71]),
    (140, "innerProduct", &[20, 21]),
    (150, "embedding", &[20, 21]),
    (160, "batchnorm", &[15, 16, 17, 18]),
    (165, "mvn", &[]),
    (170, "l2normalize", &[]),
    (175, "softmax", &[]),
    (180, "lrn", &[]),
    (190, "crop", &[]),
    (200, "padding", &[]),
    (210, "upsample", &[]),
    (211, "resizeBilinear", &[]),
    (212, "cropResize", &[]),
    (220, "unary", &[]),
    (230, "add", &[]),
    (231, "multiply", &[]),
    (240, "average", &[]),
    (245, "scale", &[2, 5]),
    (250, "bias", &[2]),
    (260, "max", &[]),
    (261, "min", &[]),
    (270, "dot", &[]),
    (280, "reduce", &[]),
    (290, "loadConstant", &[2]),
    (300, "reshape", &[]),
    (301, "flatten", &[]),
    (310, "permute", &[]),
    (320, "concat", &[]),
    (330, "split", &[]),
    (340, "sequenceRepeat", &[]),
    (345, "reorganizeData", &[]),
    (350, "slice", &[]),
    (400, "simpleRecurrent", &[30, 31, 32]),
    (410, "gru", &[30, 31, 32, 50, 51, 52, 70, 71, 72]),
    (420, "uniDirectionalLSTM", &[20]),
    (430, "biDirectionalLSTM", &[20]),
    (500, "custom", &[20]),
    (600, "copy", &[]),
    (605, "branch", &[]),
    (615, "loop", &[]),
    (620, "loopBreak", &[]),
    (625, "loopContinue", &[]),
    (635, "rangeStatic", &[]),
    (640, "rangeDynamic", &[]),
    (660, "clip", &[]),
    (665, "ceil", &[]),
    (670, "floor", &[]),
    (680, "sign", &[]),
    (685, "round", &[]),
    (700, "exp2", &[]),
    (710, "sin", &[]),
    (715, "cos", &[]),
    (720, "tan", &[]),
    (730, "asin", &[]),
    (735, "acos", &[]),
    (740, "atan", &[]),
    (750, "sinh", &[]),
    (755, "cosh", &[]),
    (760, "tanh", &[]),
    (770, "asinh", &[]),
    (775, "acosh", &[]),
    (780, "atanh", &[]),
    (790, "erf", &[]),
    (795, "gelu", &[]),
    (815, "equal", &[]),
    (820, "notEqual", &[]),
    (825, "lessThan", &[]),
    (827, "lessEqual", &[]),
    (830, "greaterThan", &[]),
    (832, "greaterEqual", &[]),
    (840, "logicalOr", &[]),
    (845, "logicalXor", &[]),
    (850, "logicalNot", &[]),
    (855, "logicalAnd", &[]),
    (865, "modBroadcastable", &[]),
    (870, "minBroadcastable", &[]),
    (875, "maxBroadcastable", &[]),
    (880, "addBroadcastable", &[]),
    (885, "powBroadcastable", &[]),
    (890, "divideBroadcastable", &[]),
    (895, "floorDivBroadcastable", &[]),
    (900, "multiplyBroadcastable", &[]),
    (905, "subtractBroadcastable", &[]),
    (920, "tile", &[]),
    (925, "stack", &[]),
    (930, "gather", &[]),
    (935, "scatter", &[]),
    (940, "gatherND", &[]),
    (945, "scatterND", &[]),
    (950, "softmaxND", &[]),
    (952, "gatherAlongAxis", &[]),
    (954, "scatterAlongAxis", &[]),
    (960, "reverse", &[]),
    (965, "reverseSeq", &[]),
    (975, "splitND", &[]),
    (980, "concatND", &[]),
    (985, "transpose", &[]),
    (995, "sliceStatic", &[]),
    (1000, "sliceDynamic", &[]),
    (1005, "slidingWindows", &[]),
    (1015, "topK", &[]),
    (1020, "argMin", &[]),
    (1025, "argMax", &[]),
    (1040, "embeddingND", &[20, 21]),
    (1045, "batchedMatmul", &[8, 9]),
    (1065, "getShape", &[]),
    (1070, "loadConstantND", &[2]),
    (1080, "fillLike", &[]),
    (1085, "fillStatic", &[]),
    (1090, "fillDynamic", &[]),
    (1100, "broadcastToLike", &[]),
    (1105, "broadcastToStatic", &[]),
    (1110, "broadcastToDynamic", &[]),
    (1120, "squeeze", &[]),
    (1125, "expandDims", &[]),
    (1130, "flattenTo2D", &[]),
    (1135, "reshapeLike", &[]),
    (1140, "reshapeStatic", &[]),
    (1145, "reshapeDynamic", &[]),
    (1150, "rankPreservingReshape", &[]),
    (1155, "constantPad", &[]),
    (1170, "randomNormalLike", &[]),
    (1175, "randomNormalStatic", &[]),
    (1180, "randomNormalDynamic", &[]),
    (1190, "randomUniformLike", &[]),
    (1195, "randomUniformStatic", &[]),
    (1200, "randomUniformDynamic", &[]),
    (1210, "randomBernoulliLike", &[]),
    (1215, "randomBernoulliStatic", &[]),
    (1220, "randomBernoulliDynamic", &[]),
    (1230, "categoricalDistribution", &[]),
    (1250, "reduceL1", &[]),
    (1255, "reduceL2", &[]),
    (1260, "reduceMax", &[]),
    (1265, "reduceMin", &[]),
    (1270, "reduceSum", &[]),
    (1275, "reduceProd", &[]),
    (1280, "reduceMean", &[]),
    (1285, "reduceLogSum", &[]),
    (1290, "reduceSumSquare", &[]),
    (1295, "reduceLogSumExp", &[]),
    (1313, "whereNonZero", &[]),
    (1315, "matrixBandPart", &[]),
    (1320, "lowerTriangular", &[]),
    (1325, "upperTriangular", &[]),
    (1330, "whereBroadcastable", &[]),
    (1350, "layerNormalization", &[3, 4]),
    (1400, "NonMaximumSuppression", &[]),
    (1450, "oneHot", &[]),
    (1455, "cumSum", &[]),
    (1460, "clampedReLU", &[]),
    (1461, "argSort", &[]),
    (1465, "pooling3d", &[]),
    (1466, "globalPooling3d", &[]),
    (1470, "sliceBySize", &[]),
    (1471, "convolution3d", &[60, 61]),
];

/// Decodes a network as one function.
pub(super) fn network(wire: &mut Wire<'_>, span: Span, name: &str, model: &mut Model) -> Result<(), ReadError> {
    let mut function = Function {
        name: name.to_owned(),
        opset: String::new(),
        role: Role::Single,
        values: Vec::new(),
        inputs: Vec::new(),
        outputs: Vec::new(),
        states: Vec::new(),
        sections: Vec::new(),
    };
    let mut ops = Vec::new();
    layers(wire, span, 0, &mut function, &mut ops, model)?;
    function.sections.push(Section { times: 1, ops });
    model.functions.push(function);
    Ok(())
}

fn layers(
    wire: &mut Wire<'_>,
    span: Span,
    depth: u32,
    function: &mut Function,
    ops: &mut Vec<Op>,
    model: &mut Model,
) -> Result<(), ReadError> {
    if depth > MOST_DEEP {
        return Err(wire.error(span.start, "networks are nested deeper than any loader reads"));
    }
    wire.within(span, |wire, end| {
        while let Some((number, payload)) = wire.field(end)? {
            if let (1, Payload::Bytes(one)) = (number, payload) {
                layer(wire, one, depth, function, ops, model)?;
            }
        }
        Ok(())
    })
}

fn layer(
    wire: &mut Wire<'_>,
    span: Span,
    depth: u32,
    function: &mut Function,
    ops: &mut Vec<Op>,
    model: &mut Model,
) -> Result<(), ReadError> {
    wire.within(span, |wire, end| {
        let mut name = String::new();
        let mut outputs = Vec::new();
        let mut found: Option<(&'static str, Span, &'static [u32])> = None;
        let mut other = None;
        while let Some((number, payload)) = wire.field(end)? {
            match (number, payload) {
                (1, Payload::Bytes(text)) => name = wire.text(text, MOST_TEXT)?,
                (3, Payload::Bytes(text)) => {
                    let output = wire.text(text, MOST_TEXT)?;
                    let id = ValueId(function.values.len() as u32);
                    function.values.push(Value { name: output, ty: ValueType::Other, def: Def::Op });
                    outputs.push(id);
                }
                (100.., Payload::Bytes(inner)) => match LAYERS.binary_search_by_key(&number, |(known, _, _)| *known) {
                    Ok(at) => found = LAYERS.get(at).map(|(_, kind, weights)| (*kind, inner, *weights)),
                    Err(_) => other = Some(number),
                },
                _ => {}
            }
        }
        let (kind_name, body, fields) = match found {
            Some((kind, body, fields)) => (kind.to_owned(), Some(body), fields),
            None => (other.map_or_else(|| "unknown".to_owned(), |number| format!("layer_{number}")), None, &[][..]),
        };
        let kind = OpKind::Other(model.names.intern(&kind_name));
        ops.push(Op { kind, inputs: Vec::new(), outputs, blocks: Vec::new() });
        let Some(body) = body else { return Ok(()) };
        if kind_name == "branch" || kind_name == "loop" {
            return wire.within(body, |wire, end| {
                while let Some((_, payload)) = wire.field(end)? {
                    // Of both layers every sub-message is a whole network.
                    if let Payload::Bytes(inner) = payload
                        && (kind_name == "branch" || inner.len() > 0)
                    {
                        let back = inner.end;
                        let _ = layers(wire, inner, depth + 1, function, ops, model).is_ok();
                        wire.enter(Span { start: back, end });
                    }
                }
                Ok(())
            });
        }
        let activation = kind_name == "activation";
        let nested = activation || kind_name.ends_with("LSTM");
        wire.within(body, |wire, end| {
            let mut at = 0;
            while let Some((number, payload)) = wire.field(end)? {
                let (true, Payload::Bytes(inner)) = (fields.contains(&number), payload) else { continue };
                if nested {
                    wire.within(inner, |wire, end| {
                        while let Some((number, payload)) = wire.field(end)? {
                            if let Payload::Bytes(inner) = payload {
                                weight(wire, inner, &format!("{name}.{at}.{number}"), kind, function, model)?;
                            }
                        }
                        Ok(())
                    })?;
                } else {
                    weight(wire, inner, &format!("{name}.{number}"), kind, function, model)?;
                }
                at += 1;
            }
            Ok(())
        })
    })
}

/// `WeightParams`: floats, halves, or packed quantized values with their scales or tables.
fn weight(
    wire: &mut Wire<'_>,
    span: Span,
    name: &str,
    kind: OpKind,
    function: &mut Function,
    model: &mut Model,
) -> Result<(), ReadError> {
    wire.within(span, |wire, end| {
        let mut weight = Weight {
            name: name.to_owned(),
            shape: Vec::new(),
            dtype: DType::Fp32,
            encoding: Encoding::Dense,
            parts: Vec::new(),
            copies: 1,
            consumer: Some(Consumer { op: kind, param: "weight".to_owned() }),
        };
        let mut part = |role, dtype, bytes| weight.parts.push(Part { role, dtype, bytes, place: Place::Inline });
        let (mut raw, mut elements, mut bits) = (None, 0, 0);
        let mut is_table = false;
        let mut n_scales = 0;
        while let Some((number, payload)) = wire.field(end)? {
            let Payload::Bytes(inner) = payload else { continue };
            match number {
                1 => {
                    part(PartRole::Data, DType::Fp32, inner.len());
                    elements += inner.len() / 4;
                }
                2 => {
                    part(PartRole::Data, DType::Fp16, inner.len());
                    elements += inner.len() / 2;
                    weight.dtype = DType::Fp16;
                }
                30 => raw = Some(inner.len()),
                31 => {
                    part(PartRole::Data, DType::Int8, inner.len());
                    elements += inner.len();
                    bits = 8;
                }
                40 => wire.within(inner, |wire, end| {
                    while let Some((number, payload)) = wire.field(end)? {
                        match (number, payload) {
                            (1, Payload::Varint(value)) => bits = value,
                            (101 | 102, Payload::Bytes(inner)) => {
                                is_table = number == 102;
                                let role = if is_table { PartRole::Table } else { PartRole::Scale };
                                n_scales = inner.len() / 8;
                                part(role, DType::Fp32, inner.len());
                            }
                            _ => {}
                        }
                    }
                    Ok(())
                })?,
                _ => {}
            }
        }
        if let Some(bytes) = raw {
            part(PartRole::Data, DType::UInt8, bytes);
            elements += bytes.saturating_mul(8).checked_div(bits).unwrap_or(bytes);
        }
        if weight.parts.is_empty() {
            return Ok(());
        }
        let bits = u32::try_from(bits).unwrap_or(0);
        if bits > 0 {
            weight.encoding = if is_table {
                Encoding::Palettized { bits, tables: 1, vector: 1, int8_table: false }
            } else {
                let granularity = if n_scales > 2 { Granularity::PerChannel } else { Granularity::PerTensor };
                Encoding::Linear { bits, granularity }
            };
        }
        weight.shape = vec![elements];
        let id = WeightId(model.weights.len() as u32);
        model.weights.push(weight);
        function.values.push(Value { name: name.to_owned(), ty: ValueType::Other, def: Def::Weight(id) });
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_list_of_layers_is_in_order() {
        assert!(super::LAYERS.windows(2).all(|pair| pair[0].0 < pair[1].0), "it is searched by halves");
    }
}
