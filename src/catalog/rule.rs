//! The shape of the packed placement rules. Shared with the build script, so it uses serde and nothing else.
//!
//! A rule is data: which operations it is about, the typed test that code in `placement` evaluates, what follows from
//! it, and for which systems and chips. Its words are packed apart ([`RuleText`]): whoever only plans needs none.

use serde::{Deserialize, Serialize};

/// One rule, without its words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// The id of the fact base: `O20`.
    pub id: String,
    /// MIL names of the operations it is about; empty for any.
    pub ops: Vec<String>,
    /// MIL names of operations it is not about.
    pub except: Vec<String>,
    /// What must hold.
    pub test: Test,
    /// What follows.
    pub effects: Vec<Effect>,
    /// How far the sources can be trusted.
    pub trust: Trust,
    /// First release it holds for, as an iOS version.
    pub since_ios: Option<u8>,
    /// Last release it holds for, as an iOS version.
    pub until_ios: Option<u8>,
    /// First generation of Neural Engines it holds for: 13 is H13.
    pub ane_from: Option<u8>,
    /// Last generation of Neural Engines it holds for.
    pub ane_to: Option<u8>,
    /// What it says, in a few words.
    pub short: String,
}

/// What must hold for a rule to apply. The first group looks at one operation, the second at a whole function.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Test {
    /// Nothing more: the kind of operation decides.
    Always,
    /// It reads or writes fp32 or fp64.
    FullPrecision,
    /// It is such an operation inside a program that is mostly fp16.
    FullPrecisionIsland,
    /// A cast from or to fp32 at the function's inputs or outputs.
    BoundaryCast,
    /// A cast from or to fp32 between operations.
    InnerCast,
    /// Arithmetic in fp32 on an input, before its cast to fp16.
    ImageScale,
    /// It reads or writes integers of 16 bits or more (except unsigned 16-bit indices).
    WideIntegers,
    /// It moves, joins or combines Boolean tensors.
    Booleans,
    /// A tensor of more than so many dimensions.
    RankAbove(usize),
    /// A result whose shape depends on values.
    ValueShape,
    /// A size that no Neural Engine takes.
    SizeOutside,
    /// A width or height of an image beyond the chip's engine.
    WidthBeyond,
    /// One of the last two axes of what has fewer dimensions beyond it.
    RowBeyond,
    /// The same for the features of a matrix product, which end up in the width.
    FeaturesBeyond,
    /// Height and width both of at least so many elements.
    AreaFrom(u64),
    /// A width or height of at least so many elements.
    LengthFrom(u64),
    /// Weights that are not constant.
    DynamicWeight,
    /// Data of three spatial dimensions.
    ThreeDimensional,
    /// A parameter with a prime factor other than 2 and 3.
    OddFactors(String),
    /// Strides that differ between the axes, the larger above so much.
    UnequalStrides(u64),
    /// A one-dimensional depthwise convolution of at most so many taps.
    ShortDepthwise(u64),
    /// A kernel or window beyond the limit of the chip: pairs of first generation and limit.
    WindowBeyond(Vec<(u8, u64)>),
    /// A scale factor other than 2.
    ScaleNotTwo,
    /// Padding by reflection or repetition.
    PadMirrors,
    /// Padding of anything but the last two axes.
    PadChannels,
    /// Padding that differs between the sides of an axis.
    PadUneven,
    /// Bounds or sizes that are known at run time only.
    DynamicBounds,
    /// A negative step.
    NegativeStep,
    /// A repetition that is none of these.
    RepeatsNot(Vec<u64>),
    /// It reads an input of the function.
    ReadsInput,
    /// A contraction over more than so many elements.
    DepthAbove(u64),
    /// A matrix product of five dimensions with a second one above 1.
    DeepMatmul,
    /// A cache update that no state is read for and written after.
    StandaloneUpdate,
    /// It reads or updates a state of fewer or more dimensions than these two bounds.
    StateRankOutside(usize, usize),
    /// It updates a state of more than so many dimensions, or one by scattering.
    StateScatter,
    /// Query, key and value of fewer elements each than this, with little else in the graph.
    SmallAttention(u64),
    /// A weight with one of these traits; the numbers bound kernel (by generation) and stride where the rule does.
    Weight(WeightTest),
    /// A constant beyond the range of fp16.
    BeyondHalfRange,
    /// A square that is averaged and whose root divides, without a scale before it.
    BareRms,
    /// It reads the result of a softmax.
    AfterSoftmax,

    /// The chosen compute units leave the Neural Engine out.
    UnitsWithoutAne,
    /// The device has no Neural Engine that Core ML uses.
    NoAne,
    /// No floating-point result is fp16.
    FullPrecisionProgram,
    /// At least so many operations.
    OpsFrom(u64),
    /// More than so many states.
    StatesAbove(usize),
    /// A state whose last dimension is no multiple of so many.
    StateWidth(u64),
    /// An input with a range of sizes that spans more than so many.
    RangeShapes(u64),
    /// An input with a range of sizes that spans at most so many.
    NarrowRange(u64),
    /// An input with a range of sizes, and operations whose shapes are computed.
    RangeByValues,
    /// Inputs with a list of shapes.
    ListedShapes,
    /// Inputs with a list of shapes, and a norm or matrix product of three dimensions.
    ListedShapesRank3,
    /// Inputs of flexible shape, states, and weights with a scale for each block.
    FlexibleStateBlocks,
    /// One package above so many bytes, on a phone or tablet.
    MobileWeights(f64),
    /// A weight file above so many bytes.
    LoaderWeights(f64),
    /// Weights below the first and work below the second (bytes, operations of one call).
    Tiny(f64, f64),
    /// A large model under `.all` on a Mac with at least so many GPU cores: weights above so many bytes.
    WideGpu(u8, f64),
    /// The first operation may not run on the Neural Engine.
    LeadingUnsupported,
}

impl Test {
    /// Whether it looks at a whole function rather than at one operation.
    #[must_use]
    pub fn is_gate(&self) -> bool {
        matches!(
            self,
            Self::UnitsWithoutAne
                | Self::NoAne
                | Self::FullPrecisionProgram
                | Self::OpsFrom(_)
                | Self::StatesAbove(_)
                | Self::StateWidth(_)
                | Self::RangeShapes(_)
                | Self::NarrowRange(_)
                | Self::RangeByValues
                | Self::ListedShapes
                | Self::ListedShapesRank3
                | Self::FlexibleStateBlocks
                | Self::MobileWeights(_)
                | Self::LoaderWeights(_)
                | Self::Tiny(..)
                | Self::WideGpu(..)
                | Self::LeadingUnsupported
        )
    }
}

/// What a weight rule asks of a weight, and of the operation that reads it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct WeightTest {
    /// The trait of the weight.
    pub is: WeightTrait,
    /// Only where a kernel is beyond the limit of the chip (pairs of first generation and limit)…
    #[serde(default)]
    pub kernel: Vec<(u8, u64)>,
    /// … or a stride is above this.
    #[serde(default)]
    pub stride: Option<u64>,
    /// Only in depthwise convolutions.
    #[serde(default)]
    pub depthwise: bool,
}

/// What placement asks about a stored weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WeightTrait {
    /// A scale for each block.
    PerBlock,
    /// Indices into a table.
    Palettized,
    /// Indices of at most 4 bits into a table.
    Palettized4,
    /// A table whose entries are themselves quantized.
    QuantizedTable,
    /// A table, and a scale that is applied to the weight.
    ScaledTable,
    /// One index for several elements.
    VectorTable,
    /// Linear by the operation of iOS 18, with a scale for the tensor or each channel.
    ShiftScale,
}

/// What follows when a rule applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// The Neural Engine may run the operation: what keeps it off is said by other rules.
    Native,
    /// The Neural Engine may not run it.
    RefusesAne,
    /// The GPU may not run it.
    RefusesGpu,
    /// The Neural Engine may run it, and Core ML prefers the CPU.
    PrefersCpu,
    /// Nothing of the function runs on the Neural Engine.
    GraphOffAne,
    /// All of the function runs on the CPU.
    GraphOnCpu,
    /// What the GPU may run of the function runs there.
    GraphOnGpu,
    /// The Neural Engine's compiler may refuse the function, whatever each operation is.
    CompileRisk,
    /// The result may be wrong.
    Numerics,
    /// It is slower than it looks.
    Slow,
    /// Sources disagree or nobody measured: the prediction is less sure.
    Contested,
}

/// How far a rule can be trusted, as the fact base grades it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Trust {
    /// Apple says so, or independent plans agree.
    A,
    /// One rigorous plan, or several weaker sources.
    B,
    /// One observation.
    C,
    /// Reverse-engineered or predicted, not checked in Core ML.
    D,
    /// Contested.
    E,
}

/// What the planner's cost of an operation is looked up by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CostClass {
    /// Convolution with one tap, or over fewer than 32 channels; also matrix products.
    ConvPlain,
    /// Convolution with more taps over at least 32 channels.
    ConvDense,
    /// Depthwise convolution, or a result of one pixel.
    ConvThin,
    /// As dense, with few output channels.
    ConvNarrow,
    /// Rectifiers.
    Rectify,
    /// Addition and what resembles it.
    Combine,
    /// Multiplication in fp32.
    Scale32,
    /// Addition in fp32.
    Shift32,
    /// Transposition.
    Transpose,
    /// Whatever only moves or reduces.
    Move,
}

/// What Core ML's planner charges for a class of operations: billions of operations, or of bytes, a second.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CostRow {
    /// The class.
    pub class: CostClass,
    /// Neural Engine.
    pub ane: f64,
    /// GPU.
    pub gpu: f64,
    /// CPU, the faster of its two libraries.
    pub cpu: f64,
    /// CPU, the older library.
    pub cpu_classic: f64,
}

/// Rules and costs, as packed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rulebook {
    /// Every rule that is evaluated.
    pub rules: Vec<Rule>,
    /// What the planner charges for work.
    pub costs: Vec<CostRow>,
}

/// The words of a rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleText {
    /// Its id.
    pub id: String,
    /// What it says.
    pub text: String,
    /// Core ML's own words, where they are known.
    pub core_ml: String,
    /// What to do about it.
    pub fix: String,
    /// The recipe that does it.
    pub fix_id: String,
    /// Who says so.
    pub sources: Vec<u16>,
    /// How far they can be trusted.
    pub trust: Trust,
    /// Why it is not evaluated; empty when it is.
    pub not_evaluated: String,
}

/// The words of every rule, and where they come from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RuleTexts {
    /// One for each rule, evaluated or not.
    pub texts: Vec<RuleText>,
    /// Title and address of each source.
    pub sources: Vec<(String, String, String)>,
}
