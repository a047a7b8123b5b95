//! Element types of MIL tensors.

use serde::{Deserialize, Serialize};

/// The type of one element of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are the field's own")]
pub enum DType {
    Bool,
    String,
    Fp16,
    Fp32,
    Fp64,
    Bf16,
    Fp8E4M3,
    Fp8E5M2,
    Int4,
    Int8,
    Int16,
    Int32,
    Int64,
    UInt1,
    UInt2,
    UInt3,
    UInt4,
    UInt6,
    UInt8,
    UInt16,
    UInt32,
    UInt64,
    /// A type this version does not know.
    Unknown,
}

impl DType {
    /// Bits of one element as it is stored packed; `None` for strings and unknown types.
    #[must_use]
    pub fn bits(self) -> Option<u32> {
        match self {
            Self::UInt1 => Some(1),
            Self::UInt2 => Some(2),
            Self::UInt3 => Some(3),
            Self::Int4 | Self::UInt4 => Some(4),
            Self::UInt6 => Some(6),
            Self::Bool | Self::Int8 | Self::UInt8 | Self::Fp8E4M3 | Self::Fp8E5M2 => Some(8),
            Self::Fp16 | Self::Bf16 | Self::Int16 | Self::UInt16 => Some(16),
            Self::Fp32 | Self::Int32 | Self::UInt32 => Some(32),
            Self::Fp64 | Self::Int64 | Self::UInt64 => Some(64),
            Self::String | Self::Unknown => None,
        }
    }

    /// Floating point of any width.
    #[must_use]
    pub fn is_float(self) -> bool {
        matches!(self, Self::Fp16 | Self::Fp32 | Self::Fp64 | Self::Bf16 | Self::Fp8E4M3 | Self::Fp8E5M2)
    }

    /// The element type of that name; `Unknown` when there is none.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        match name {
            "bool" => Self::Bool,
            "string" => Self::String,
            "fp16" => Self::Fp16,
            "fp32" => Self::Fp32,
            "fp64" => Self::Fp64,
            "bf16" => Self::Bf16,
            "fp8e4m3fn" => Self::Fp8E4M3,
            "fp8e5m2" => Self::Fp8E5M2,
            "int4" => Self::Int4,
            "int8" => Self::Int8,
            "int16" => Self::Int16,
            "int32" => Self::Int32,
            "int64" => Self::Int64,
            "uint1" => Self::UInt1,
            "uint2" => Self::UInt2,
            "uint3" => Self::UInt3,
            "uint4" => Self::UInt4,
            "uint6" => Self::UInt6,
            "uint8" => Self::UInt8,
            "uint16" => Self::UInt16,
            "uint32" => Self::UInt32,
            "uint64" => Self::UInt64,
            _ => Self::Unknown,
        }
    }

    /// The name in documents: the spelling of MIL text (`fp16`, `int32`, `uint4`).
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::String => "string",
            Self::Fp16 => "fp16",
            Self::Fp32 => "fp32",
            Self::Fp64 => "fp64",
            Self::Bf16 => "bf16",
            Self::Fp8E4M3 => "fp8e4m3fn",
            Self::Fp8E5M2 => "fp8e5m2",
            Self::Int4 => "int4",
            Self::Int8 => "int8",
            Self::Int16 => "int16",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::UInt1 => "uint1",
            Self::UInt2 => "uint2",
            Self::UInt3 => "uint3",
            Self::UInt4 => "uint4",
            Self::UInt6 => "uint6",
            Self::UInt8 => "uint8",
            Self::UInt16 => "uint16",
            Self::UInt32 => "uint32",
            Self::UInt64 => "uint64",
            Self::Unknown => "unknown",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::DType;

    #[test]
    fn every_name_finds_its_type_again() {
        let all = [
            DType::Bool,
            DType::String,
            DType::Fp16,
            DType::Fp32,
            DType::Fp64,
            DType::Bf16,
            DType::Fp8E4M3,
            DType::Fp8E5M2,
            DType::Int4,
            DType::Int8,
            DType::Int16,
            DType::Int32,
            DType::Int64,
            DType::UInt1,
            DType::UInt2,
            DType::UInt3,
            DType::UInt4,
            DType::UInt6,
            DType::UInt8,
            DType::UInt16,
            DType::UInt32,
            DType::UInt64,
        ];
        for dtype in all {
            assert_eq!(DType::from_name(dtype.name()), dtype);
        }
        assert_eq!(DType::from_name("fp12"), DType::Unknown);
    }
}
