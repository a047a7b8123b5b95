//! MIL values as the specification writes them: types, inline constants and references into weight files.

use super::{
    ReadError,
    wire::{Payload, Span, Wire},
};
use crate::model::{DType, Dim, Literal, TensorType, ValueType};

/// Longest inline constant that is kept; a longer one keeps only its type.
pub(super) const LITERAL_MAX: usize = 64;
/// Longest shape that is kept.
pub(super) const RANK_MAX: usize = 64;

/// A type, and what the specification adds to it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Typed {
    pub(super) ty: ValueType,
    /// Whether it is the type of a state.
    pub(super) is_state: bool,
    /// Whether the stated rank is not the number of dimensions.
    pub(super) odd_rank: bool,
}

/// A constant.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Constant {
    pub(super) ty: ValueType,
    pub(super) store: Store,
    /// Where it stands.
    pub(super) at: Span,
}

/// Where a constant's values are.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Store {
    /// In a weight file, by its name and the offset of a record.
    Blob(String, u64),
    /// In the specification: which list of `TensorValue`, and its message.
    Inline(u32, Span),
    /// In the text of a compiled model, which is read only once.
    Told {
        /// Bytes that it stands for.
        bytes: u64,
        /// The values, when they are few.
        literal: Literal,
        /// Of its text.
        fingerprint: u64,
    },
    /// A list, tuple or dictionary, or nothing.
    Other,
}

fn dtype(number: u64) -> DType {
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

/// A `ValueType`.
pub(super) fn value_type(wire: &mut Wire<'_>, mut message: Span) -> Result<Typed, ReadError> {
    let mut found = Typed { ty: ValueType::Other, is_state: false, odd_rank: false };
    while let Some(field) = wire.next(&mut message)? {
        match (field.number, field.value) {
            (1, Payload::Bytes(span)) => {
                let (tensor, odd_rank) = tensor_type(wire, span)?;
                found.ty = ValueType::Tensor(tensor);
                found.odd_rank = odd_rank;
            }
            // A state wraps a type. A state in a state gets shorter each time, so this ends.
            (5, Payload::Bytes(mut state)) => {
                found.is_state = true;
                while let Some(field) = wire.next(&mut state)? {
                    if let (1, Payload::Bytes(span)) = (field.number, field.value) {
                        message = span;
                    }
                }
            }
            (2..=4, _) => found.ty = ValueType::Other,
            _ => {}
        }
    }
    Ok(found)
}

fn tensor_type(wire: &mut Wire<'_>, mut message: Span) -> Result<(TensorType, bool), ReadError> {
    let mut found = TensorType { dtype: DType::Unknown, shape: Vec::new() };
    let (mut rank, mut n_dims) = (None, 0_u64);
    while let Some(field) = wire.next(&mut message)? {
        match (field.number, field.value) {
            (1, Payload::Varint(value)) => found.dtype = dtype(value),
            (2, Payload::Varint(value)) => rank = Some(value),
            (3, Payload::Bytes(span)) => {
                n_dims += 1;
                if found.shape.len() < RANK_MAX {
                    found.shape.push(dimension(wire, span)?);
                }
            }
            _ => {}
        }
    }
    // A rank of -1 is "not known".
    let odd = rank.is_some_and(|rank| rank != n_dims && rank <= i64::MAX as u64);
    Ok((found, odd))
}

fn dimension(wire: &mut Wire<'_>, mut message: Span) -> Result<Dim, ReadError> {
    let mut found = Dim::Flexible;
    while let Some(field) = wire.next(&mut message)? {
        if let (1, Payload::Bytes(mut constant)) = (field.number, field.value) {
            found = Dim::Fixed(0);
            while let Some(field) = wire.next(&mut constant)? {
                if let (1, Payload::Varint(size)) = (field.number, field.value) {
                    found = Dim::Fixed(size);
                }
            }
        }
    }
    Ok(found)
}

/// A `NamedValueType`.
pub(super) fn named(wire: &mut Wire<'_>, mut message: Span) -> Result<(String, Typed), ReadError> {
    let (mut name, mut ty) = (String::new(), Typed { ty: ValueType::Other, is_state: false, odd_rank: false });
    while let Some(field) = wire.next(&mut message)? {
        match (field.number, field.value) {
            (1, Payload::Bytes(span)) => name = wire.text(span)?,
            (2, Payload::Bytes(span)) => ty = value_type(wire, span)?,
            _ => {}
        }
    }
    Ok((name, ty))
}

/// A `Value`.
pub(super) fn constant(wire: &mut Wire<'_>, mut message: Span) -> Result<Constant, ReadError> {
    let mut found = Constant { ty: ValueType::Other, store: Store::Other, at: message };
    while let Some(field) = wire.next(&mut message)? {
        match (field.number, field.value) {
            (2, Payload::Bytes(span)) => found.ty = value_type(wire, span)?.ty,
            (3, Payload::Bytes(span)) => found.store = inline(wire, span)?,
            (5, Payload::Bytes(mut blob)) => {
                let (mut name, mut offset) = (String::new(), 0);
                while let Some(field) = wire.next(&mut blob)? {
                    match (field.number, field.value) {
                        (1, Payload::Bytes(span)) => name = wire.text(span)?,
                        (2, Payload::Varint(value)) => offset = value,
                        _ => {}
                    }
                }
                found.store = Store::Blob(name, offset);
            }
            _ => {}
        }
    }
    Ok(found)
}

fn inline(wire: &mut Wire<'_>, mut message: Span) -> Result<Store, ReadError> {
    let mut found = Store::Other;
    while let Some(field) = wire.next(&mut message)? {
        if let (1, Payload::Bytes(mut tensor)) = (field.number, field.value) {
            while let Some(field) = wire.next(&mut tensor)? {
                if let (list @ 1..=7, Payload::Bytes(span)) = (field.number, field.value) {
                    found = Store::Inline(list, span);
                }
            }
        }
    }
    Ok(found)
}

/// Bytes that an inline constant stands for, by its type, but never more than its message can hold.
pub(super) fn inline_bytes(wire: &mut Wire<'_>, list: u32, mut values: Span, ty: &ValueType) -> Result<u64, ReadError> {
    if list == 7 {
        let mut bytes = 0;
        while let Some(field) = wire.next(&mut values)? {
            if let (1, Payload::Bytes(span)) = (field.number, field.value) {
                bytes = span.len();
            }
        }
        return Ok(bytes);
    }
    Ok(ty.tensor().map_or(0, TensorType::bytes).min(values.len().saturating_mul(8)))
}

/// A constant as it is kept: whole when it is short.
pub(super) fn literal(wire: &mut Wire<'_>, constant: &Constant) -> Result<Literal, ReadError> {
    let (Store::Inline(list, values), Some(tensor)) = (&constant.store, constant.ty.tensor()) else {
        return Ok(Literal::Opaque);
    };
    if tensor.elements().is_none_or(|elements| elements > LITERAL_MAX as u64) {
        return Ok(Literal::Opaque);
    }
    let mut rest = *values;
    let mut ints = Vec::new();
    let mut floats = Vec::new();
    let mut texts = Vec::new();
    while let Some(field) = wire.next(&mut rest)? {
        if field.number != 1 {
            continue;
        }
        match (list, field.value) {
            (1, Payload::Fixed32(bits)) => floats.push(f32::from_bits(bits)),
            (6, Payload::Fixed64(bits)) => floats.push(f64::from_bits(bits) as f32),
            (1, Payload::Bytes(span)) => {
                let bytes = wire.bytes(span, LITERAL_MAX * 4)?;
                floats.extend(bytes.chunks_exact(4).map(|four| f32::from_bits(super::zip::u32_at(four, 0))));
            }
            (6, Payload::Bytes(span)) => {
                let bytes = wire.bytes(span, LITERAL_MAX * 8)?;
                floats.extend(bytes.chunks_exact(8).map(|eight| f64::from_bits(super::zip::u64_at(eight, 0)) as f32));
            }
            (2 | 3 | 5, value) if value_len(value) <= LITERAL_MAX as u64 * 10 => {
                wire.ints(value, |int| ints.push(int as i64))?;
            }
            (4, Payload::Bytes(span)) if texts.len() < LITERAL_MAX => texts.push(wire.text(span)?),
            (7, Payload::Bytes(span)) => {
                let bytes = wire.bytes(span, LITERAL_MAX * 8)?;
                unpack(tensor, bytes, &mut ints, &mut floats);
            }
            _ => return Ok(Literal::Opaque),
        }
        if ints.len().max(floats.len()) > LITERAL_MAX {
            return Ok(Literal::Opaque);
        }
    }
    Ok(match (list, texts.len()) {
        (2 | 5, _) => Literal::Ints(ints),
        (3, _) => Literal::Bools(ints.into_iter().map(|int| int != 0).collect()),
        (4, 1) => Literal::Text(texts.pop().unwrap_or_default()),
        (1 | 6, _) => Literal::Floats(floats),
        (7, _) if tensor.dtype.is_float() => Literal::Floats(floats),
        (7, _) if tensor.dtype.bits().is_some() => Literal::Ints(ints),
        _ => Literal::Opaque,
    })
}

fn value_len(value: Payload) -> u64 {
    if let Payload::Bytes(span) = value { span.len() } else { 1 }
}

/// Numbers packed into bytes, little-endian, sub-byte types from the low bits up.
fn unpack(tensor: &TensorType, bytes: &[u8], ints: &mut Vec<i64>, floats: &mut Vec<f32>) {
    let bits = tensor.dtype.bits().unwrap_or(8) as usize;
    let n = (bytes.len() * 8 / bits).min(tensor.elements().unwrap_or(0) as usize);
    for element in 0..n {
        let mut raw = 0_u64;
        for bit in 0..bits {
            let at = element * bits + bit;
            let byte = bytes.get(at / 8).copied().unwrap_or_default();
            raw |= u64::from(byte >> (at % 8) & 1) << bit;
        }
        match tensor.dtype {
            DType::Fp16 => floats.push(half(raw as u16)),
            DType::Bf16 => floats.push(f32::from_bits((raw as u32) << 16)),
            DType::Int4 | DType::Int8 | DType::Int16 | DType::Int32 | DType::Int64 => {
                let unused = 64 - bits as u32;
                ints.push((raw << unused) as i64 >> unused);
            }
            _ => ints.push(raw as i64),
        }
    }
}

/// A half-precision number.
fn half(bits: u16) -> f32 {
    let sign = u32::from(bits >> 15) << 31;
    let exponent = u32::from(bits >> 10 & 0x1F);
    let fraction = u32::from(bits & 0x3FF);
    match exponent {
        // Subnormal: fraction × 2^-24, exact in single precision.
        0 => f32::from_bits(sign | (fraction as f32 * 5.960_464_5e-8).to_bits()),
        31 => f32::from_bits(sign | 0x7F80_0000 | fraction << 13),
        _ => f32::from_bits(sign | (exponent + 112) << 23 | fraction << 13),
    }
}

#[cfg(test)]
mod tests {
    use super::half;

    #[test]
    fn half_precision_becomes_single_precision() {
        for (bits, expected) in [
            (0x3C00, 1.0),
            (0xC000, -2.0),
            (0x7BFF, 65_504.0),
            (0x0001, 5.960_464_5e-8),
            (0x0400, 6.103_515_6e-5),
            (0x8000, -0.0),
            (0x7C00, f32::INFINITY),
        ] {
            assert_eq!(half(bits).to_bits(), f32::to_bits(expected), "{bits:#x}");
        }
        assert!(half(0x7E00).is_nan());
    }
}
