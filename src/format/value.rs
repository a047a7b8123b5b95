//! Types and values of MIL, as the specification writes them.

use crate::model::{DType, Dim, Literal, Place, TensorType, ValueType};

use super::{
    ReadError,
    wire::{Payload, Span, Wire},
};

/// Deepest nesting of types, values and blocks. Apple's own loader gives up at 100 protobuf levels.
pub(super) const MOST_DEEP: u32 = 100;
/// Longer literals keep only their type.
const MOST_ELEMENTS: usize = 64;
/// Longest text that is kept of any name or value.
pub(super) const MOST_TEXT: u64 = 1 << 16;

/// A value of a program: its type, and what it is or where it is stored.
#[derive(Clone, Debug)]
pub(super) struct Parsed {
    pub ty: ValueType,
    pub literal: Literal,
    /// The file and offset of a blob.
    pub blob: Option<(String, u64)>,
}

impl Parsed {
    pub(super) fn tensor(&self) -> Option<&TensorType> {
        self.ty.tensor()
    }

    /// Elements of the value, as its type says.
    pub(super) fn elements(&self) -> u64 {
        self.tensor().and_then(TensorType::elements).unwrap_or(0)
    }

    /// Bytes as stored.
    pub(super) fn bytes(&self) -> u64 {
        self.tensor().map_or(0, TensorType::bytes)
    }

    /// Where it is stored, given the numbers of the weight files.
    pub(super) fn place(&self, file_of: impl Fn(&str) -> Option<u32>) -> Place {
        match &self.blob {
            Some((file, offset)) => file_of(file).map_or(Place::Inline, |file| Place::Blob { file, offset: *offset }),
            None => Place::Inline,
        }
    }
}

pub(super) fn dtype(number: u64) -> DType {
    match number {
        1 => DType::Bool,
        2 => DType::String,
        10 => DType::Fp16,
        11 => DType::Fp32,
        12 => DType::Fp64,
        13 => DType::Bf16,
        21 => DType::Int8,
        22 => DType::Int16,
        23 => DType::Int32,
        24 => DType::Int64,
        25 => DType::Int4,
        31 => DType::UInt8,
        32 => DType::UInt16,
        33 => DType::UInt32,
        34 => DType::UInt64,
        35 => DType::UInt4,
        36 => DType::UInt2,
        37 => DType::UInt1,
        38 => DType::UInt6,
        39 => DType::UInt3,
        40 => DType::Fp8E4M3,
        41 => DType::Fp8E5M2,
        _ => DType::Unknown,
    }
}

/// `ValueType`: a tensor, a state of one, or something without a size.
pub(super) fn value_type(wire: &mut Wire<'_>, span: Span, depth: u32) -> Result<ValueType, ReadError> {
    if depth > MOST_DEEP {
        return Err(wire.error(span.start, "types are nested deeper than any loader reads"));
    }
    wire.within(span, |wire, end| {
        let mut ty = ValueType::Other;
        while let Some((number, payload)) = wire.field(end)? {
            match (number, payload) {
                (1, Payload::Bytes(inner)) => ty = ValueType::Tensor(tensor_type(wire, inner)?),
                // A state wraps the tensor it holds.
                (5, Payload::Bytes(inner)) => {
                    let back = inner.end;
                    ty = wire.within(inner, |wire, end| {
                        let mut wrapped = ValueType::Other;
                        while let Some((number, payload)) = wire.field(end)? {
                            if let (1, Payload::Bytes(inner)) = (number, payload) {
                                wrapped = value_type(wire, inner, depth + 1)?;
                            }
                        }
                        Ok(wrapped)
                    })?;
                    wire.enter(Span { start: back, end });
                }
                _ => {}
            }
        }
        Ok(ty)
    })
}

fn tensor_type(wire: &mut Wire<'_>, span: Span) -> Result<TensorType, ReadError> {
    wire.within(span, |wire, end| {
        let mut tensor = TensorType { dtype: DType::Unknown, shape: Vec::new() };
        while let Some((number, payload)) = wire.field(end)? {
            match (number, payload) {
                (1, Payload::Varint(number)) => tensor.dtype = dtype(number),
                (3, Payload::Bytes(dimension)) => {
                    let dim = wire.within(dimension, |wire, end| {
                        let mut dim = Dim::Flexible;
                        while let Some((number, payload)) = wire.field(end)? {
                            if let (1, Payload::Bytes(constant)) = (number, payload) {
                                let size = wire.within(constant, |wire, end| {
                                    let mut size = 0;
                                    while let Some((number, payload)) = wire.field(end)? {
                                        if let (1, Payload::Varint(value)) = (number, payload) {
                                            size = value;
                                        }
                                    }
                                    Ok(size)
                                })?;
                                dim = Dim::Fixed(size);
                            }
                        }
                        Ok(dim)
                    })?;
                    tensor.shape.push(dim);
                }
                _ => {}
            }
        }
        Ok(tensor)
    })
}

/// `NamedValueType`: a name and its type.
pub(super) fn named(wire: &mut Wire<'_>, span: Span) -> Result<(String, ValueType), ReadError> {
    wire.within(span, |wire, end| {
        let (mut name, mut ty) = (String::new(), ValueType::Other);
        while let Some((number, payload)) = wire.field(end)? {
            match (number, payload) {
                (1, Payload::Bytes(text)) => name = wire.text(text, MOST_TEXT)?,
                (2, Payload::Bytes(inner)) => ty = value_type(wire, inner, 0)?,
                _ => {}
            }
        }
        Ok((name, ty))
    })
}

/// `Value`: a type with an immediate value or a reference into a weight file.
pub(super) fn value(wire: &mut Wire<'_>, span: Span) -> Result<Parsed, ReadError> {
    wire.within(span, |wire, end| {
        let mut parsed = Parsed { ty: ValueType::Other, literal: Literal::Opaque, blob: None };
        let mut immediate = None;
        while let Some((number, payload)) = wire.field(end)? {
            match (number, payload) {
                (2, Payload::Bytes(inner)) => parsed.ty = value_type(wire, inner, 0)?,
                (3, Payload::Bytes(inner)) => immediate = Some(inner),
                (5, Payload::Bytes(inner)) => parsed.blob = Some(blob(wire, inner)?),
                _ => {}
            }
        }
        if let Some(inner) = immediate {
            let dtype = parsed.tensor().map_or(DType::Unknown, |tensor| tensor.dtype);
            parsed.literal = literal(wire, inner, dtype)?;
        }
        Ok(parsed)
    })
}

fn blob(wire: &mut Wire<'_>, span: Span) -> Result<(String, u64), ReadError> {
    wire.within(span, |wire, end| {
        let (mut file, mut offset) = (String::new(), 0);
        while let Some((number, payload)) = wire.field(end)? {
            match (number, payload) {
                (1, Payload::Bytes(text)) => file = wire.text(text, MOST_TEXT)?,
                (2, Payload::Varint(value)) => offset = value,
                _ => {}
            }
        }
        Ok((file, offset))
    })
}

/// `ImmediateValue`: only tensors are kept, and of those only short ones.
fn literal(wire: &mut Wire<'_>, span: Span, dtype: DType) -> Result<Literal, ReadError> {
    wire.within(span, |wire, end| {
        let mut literal = Literal::Opaque;
        while let Some((number, payload)) = wire.field(end)? {
            if let (1, Payload::Bytes(tensor)) = (number, payload) {
                literal = wire.within(tensor, |wire, end| {
                    let mut literal = Literal::Opaque;
                    while let Some((number, payload)) = wire.field(end)? {
                        if let Payload::Bytes(list) = payload {
                            literal = elements(wire, number, list, dtype)?;
                        }
                    }
                    Ok(literal)
                })?;
            }
        }
        Ok(literal)
    })
}

fn elements(wire: &mut Wire<'_>, kind: u32, list: Span, dtype: DType) -> Result<Literal, ReadError> {
    // Longer than any short list can be: not even looked into.
    if list.len() > 12 * MOST_ELEMENTS as u64 && kind != 4 {
        return Ok(Literal::Opaque);
    }
    wire.within(list, |wire, end| {
        let (mut ints, mut floats, mut text) = (Vec::new(), Vec::new(), None);
        while let Some((number, payload)) = wire.field(end)? {
            if number != 1 {
                continue;
            }
            match (kind, payload) {
                (1, Payload::Bytes(span)) => floats.extend(floats_of(&wire.bytes(span, MOST_TEXT)?)),
                (1, Payload::Fixed32(bits)) => floats.push(f32::from_bits(bits)),
                (2 | 3 | 5, payload) => {
                    wire.varints(payload, |value| {
                        ints.push(value as i64);
                        ints.len() <= MOST_ELEMENTS
                    })?;
                }
                (4, Payload::Bytes(span)) => text = Some(wire.text(span, MOST_TEXT)?),
                (7, Payload::Bytes(span)) => match dtype {
                    DType::Fp16 => floats.extend(halves_of(&wire.bytes(span, MOST_TEXT)?)),
                    DType::Int8 => ints.extend(wire.bytes(span, MOST_TEXT)?.iter().map(|byte| i64::from(*byte as i8))),
                    DType::UInt8 => ints.extend(wire.bytes(span, MOST_TEXT)?.iter().map(|byte| i64::from(*byte))),
                    DType::UInt32 => ints.extend(words_of(&wire.bytes(span, MOST_TEXT)?)),
                    _ => {}
                },
                _ => {}
            }
        }
        Ok(match kind {
            4 => text.map_or(Literal::Opaque, Literal::Text),
            3 if ints.len() <= MOST_ELEMENTS => Literal::Bools(ints.iter().map(|value| *value != 0).collect()),
            _ if !ints.is_empty() && ints.len() <= MOST_ELEMENTS => Literal::Ints(ints),
            _ if !floats.is_empty() && floats.len() <= MOST_ELEMENTS => Literal::Floats(floats),
            _ => Literal::Opaque,
        })
    })
}

fn floats_of(bytes: &[u8]) -> impl Iterator<Item = f32> {
    bytes.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]))
}

fn words_of(bytes: &[u8]) -> impl Iterator<Item = i64> {
    bytes.chunks_exact(4).map(|four| i64::from(u32::from_le_bytes([four[0], four[1], four[2], four[3]])))
}

fn halves_of(bytes: &[u8]) -> impl Iterator<Item = f32> {
    bytes.chunks_exact(2).map(|two| half(u16::from_le_bytes([two[0], two[1]])))
}

/// A half-precision number as a single-precision one.
fn half(bits: u16) -> f32 {
    let sign = u32::from(bits >> 15) << 31;
    let (exponent, fraction) = (u32::from(bits >> 10) & 0x1f, u32::from(bits) & 0x3ff);
    match (exponent, fraction) {
        (0, 0) => f32::from_bits(sign),
        // Subnormal: fraction × 2^-24, exact in single precision.
        (0, fraction) => {
            let size = fraction as f32 * f32::from_bits(0x3380_0000);
            if sign == 0 { size } else { -size }
        }
        (0x1f, fraction) => f32::from_bits(sign | 0x7f80_0000 | (fraction << 13)),
        (exponent, fraction) => f32::from_bits(sign | ((exponent + 112) << 23) | (fraction << 13)),
    }
}

#[cfg(test)]
mod tests {
    use super::half;

    #[test]
    fn halves_are_read_exactly() {
        let cases = [(0x3c00, 1.0), (0xc000, -2.0), (0x3800, 0.5), (0x0001, 5.960_464_5e-8), (0x7bff, 65504.0)];
        for (bits, expected) in cases {
            assert_eq!(half(bits), expected, "{bits:#x}");
        }
        assert!(half(0x7c00).is_infinite() && half(0x7e00).is_nan());
    }
}
