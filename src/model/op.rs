//! The operations of MIL, by the names coremltools gives them.
//!
//! An operation that is not in the list is kept as [`OpKind::Other`] with its name: unknown is a fact, not an error.

use serde::{Deserialize, Serialize};

use super::Sym;

macro_rules! op_kinds {
    ($($variant:ident = $name:literal,)*) => {
        /// The type of a MIL operation.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[allow(missing_docs, reason = "each variant is the MIL operation of the same name")]
        pub enum OpKind {
            $($variant,)*
            /// An operation this version does not know; the symbol is its name.
            Other(Sym),
        }

        /// Every operation with a variant of its own, in the order of the enum.
        const KNOWN: &[(&str, OpKind)] = &[$(($name, OpKind::$variant),)*];

        impl OpKind {
            /// The MIL name, if it is one of the known ones.
            #[must_use]
            pub fn known_name(self) -> Option<&'static str> {
                match self {
                    $(Self::$variant => Some($name),)*
                    Self::Other(_) => None,
                }
            }
        }
    };
}

op_kinds! {
    Abs = "abs",
    Acos = "acos",
    Add = "add",
    Affine = "affine",
    Argsort = "argsort",
    Asin = "asin",
    Atan = "atan",
    Atanh = "atanh",
    AvgPool = "avg_pool",
    BandPart = "band_part",
    BatchNorm = "batch_norm",
    BatchToSpace = "batch_to_space",
    Cast = "cast",
    Ceil = "ceil",
    ClampedRelu = "clamped_relu",
    Classify = "classify",
    Clip = "clip",
    Concat = "concat",
    Cond = "cond",
    Const = "const",
    ConstexprAffineDequantize = "constexpr_affine_dequantize",
    ConstexprBlockwiseShiftScale = "constexpr_blockwise_shift_scale",
    ConstexprCast = "constexpr_cast",
    ConstexprLutToDense = "constexpr_lut_to_dense",
    ConstexprLutToSparse = "constexpr_lut_to_sparse",
    ConstexprSparseBlockwiseShiftScale = "constexpr_sparse_blockwise_shift_scale",
    ConstexprSparseToDense = "constexpr_sparse_to_dense",
    Conv = "conv",
    ConvTranspose = "conv_transpose",
    Cos = "cos",
    Cosh = "cosh",
    Crop = "crop",
    CropResize = "crop_resize",
    Cumsum = "cumsum",
    CustomLayer = "custom_layer",
    DepthToSpace = "depth_to_space",
    Dequantize = "dequantize",
    Einsum = "einsum",
    Elu = "elu",
    Equal = "equal",
    Erf = "erf",
    Exp = "exp",
    Exp2 = "exp2",
    ExpandDims = "expand_dims",
    Fill = "fill",
    FillLike = "fill_like",
    Flatten2d = "flatten2d",
    Floor = "floor",
    FloorDiv = "floor_div",
    Gather = "gather",
    GatherAlongAxis = "gather_along_axis",
    GatherNd = "gather_nd",
    Gelu = "gelu",
    Greater = "greater",
    GreaterEqual = "greater_equal",
    Gru = "gru",
    Identity = "identity",
    InstanceNorm = "instance_norm",
    Inverse = "inverse",
    L2Norm = "l2_norm",
    L2Pool = "l2_pool",
    LayerNorm = "layer_norm",
    LeakyRelu = "leaky_relu",
    Less = "less",
    LessEqual = "less_equal",
    Linear = "linear",
    LinearActivation = "linear_activation",
    ListGather = "list_gather",
    ListLength = "list_length",
    ListRead = "list_read",
    ListScatter = "list_scatter",
    ListWrite = "list_write",
    LocalResponseNorm = "local_response_norm",
    Log = "log",
    LogicalAnd = "logical_and",
    LogicalNot = "logical_not",
    LogicalOr = "logical_or",
    LogicalXor = "logical_xor",
    Lstm = "lstm",
    MakeList = "make_list",
    Matmul = "matmul",
    MaxPool = "max_pool",
    Maximum = "maximum",
    Minimum = "minimum",
    Mod = "mod",
    Mul = "mul",
    NonMaximumSuppression = "non_maximum_suppression",
    NonZero = "non_zero",
    NotEqual = "not_equal",
    OneHot = "one_hot",
    Pad = "pad",
    PixelShuffle = "pixel_shuffle",
    PixelUnshuffle = "pixel_unshuffle",
    Pow = "pow",
    Prelu = "prelu",
    Quantize = "quantize",
    RandomBernoulli = "random_bernoulli",
    RandomCategorical = "random_categorical",
    RandomNormal = "random_normal",
    RandomUniform = "random_uniform",
    Range1d = "range_1d",
    ReadState = "read_state",
    RealDiv = "real_div",
    ReduceArgmax = "reduce_argmax",
    ReduceArgmin = "reduce_argmin",
    ReduceL1Norm = "reduce_l1_norm",
    ReduceL2Norm = "reduce_l2_norm",
    ReduceLogSum = "reduce_log_sum",
    ReduceLogSumExp = "reduce_log_sum_exp",
    ReduceMax = "reduce_max",
    ReduceMean = "reduce_mean",
    ReduceMin = "reduce_min",
    ReduceProd = "reduce_prod",
    ReduceSum = "reduce_sum",
    ReduceSumSquare = "reduce_sum_square",
    Relu = "relu",
    Relu6 = "relu6",
    Resample = "resample",
    Reshape = "reshape",
    ReshapeLike = "reshape_like",
    Resize = "resize",
    ResizeBilinear = "resize_bilinear",
    ResizeNearestNeighbor = "resize_nearest_neighbor",
    Reverse = "reverse",
    ReverseSequence = "reverse_sequence",
    Rnn = "rnn",
    Round = "round",
    Rsqrt = "rsqrt",
    ScaledDotProductAttention = "scaled_dot_product_attention",
    ScaledTanh = "scaled_tanh",
    Scatter = "scatter",
    ScatterAlongAxis = "scatter_along_axis",
    ScatterNd = "scatter_nd",
    Select = "select",
    Shape = "shape",
    Sigmoid = "sigmoid",
    SigmoidHard = "sigmoid_hard",
    Sign = "sign",
    Silu = "silu",
    Sin = "sin",
    Sinh = "sinh",
    SliceByIndex = "slice_by_index",
    SliceBySize = "slice_by_size",
    SliceUpdate = "slice_update",
    SlidingWindows = "sliding_windows",
    Softmax = "softmax",
    Softplus = "softplus",
    SoftplusParametric = "softplus_parametric",
    Softsign = "softsign",
    SpaceToBatch = "space_to_batch",
    SpaceToDepth = "space_to_depth",
    Split = "split",
    Sqrt = "sqrt",
    Square = "square",
    Squeeze = "squeeze",
    Stack = "stack",
    Sub = "sub",
    Tan = "tan",
    Tanh = "tanh",
    Threshold = "threshold",
    ThresholdedRelu = "thresholded_relu",
    Tile = "tile",
    Topk = "topk",
    Transpose = "transpose",
    UpsampleBilinear = "upsample_bilinear",
    UpsampleNearestNeighbor = "upsample_nearest_neighbor",
    WhileLoop = "while_loop",
    WriteState = "write_state",
}

impl OpKind {
    /// The operation of that name, if it is known.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        // The list is in alphabetical order (a test holds it to that).
        KNOWN.binary_search_by(|(known, _)| (*known).cmp(name)).ok().and_then(|at| KNOWN.get(at)).map(|(_, kind)| *kind)
    }

    /// `const` and `constexpr_*` hold weights; they are not work and not counted as operations.
    #[must_use]
    pub fn is_constant(self) -> bool {
        matches!(
            self,
            Self::Const
                | Self::ConstexprAffineDequantize
                | Self::ConstexprBlockwiseShiftScale
                | Self::ConstexprCast
                | Self::ConstexprLutToDense
                | Self::ConstexprLutToSparse
                | Self::ConstexprSparseBlockwiseShiftScale
                | Self::ConstexprSparseToDense
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_name_finds_its_kind_again() {
        assert!(KNOWN.windows(2).all(|pair| pair[0].0 < pair[1].0), "the list is searched by halves");
        for (name, kind) in KNOWN {
            assert_eq!(OpKind::from_name(name), Some(*kind));
            assert_eq!(kind.known_name(), Some(*name));
        }
        assert_eq!(OpKind::from_name("flux_capacitor"), None);
    }
}
