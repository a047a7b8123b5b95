//! Applies a recipe to a graph, so that its plan can be predicted before anyone writes the change.
//!
//! A recipe that only changes types, weights or a few operations can be applied here; one that needs the source of the
//! network says so. Invariants: the change is made on a copy; what comes out are graphs like any other, with operations
//! in order and every id in its table; nothing is applied by halves. Absent on purpose: placement and words of plans
//! (`placement`, `report`), and file sizes, which only a conversion settles.

mod graph;
mod split;
mod types;
mod weights;

use crate::{
    model::{Function, Model, Op, OpKind, TensorType, Value, ValueId},
    scenario::Units,
};

/// A graph with a recipe applied.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The graph; several when the recipe cuts it into models of their own, which run one after the other.
    pub parts: Vec<Model>,
    /// Compute units that the recipe asks for, if it does.
    pub units: Option<Units>,
    /// Operations, tensors or weights that changed; parts, when the model is cut.
    pub n_changed: u64,
}

/// Why a recipe is not applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotApplied {
    /// No such recipe.
    Unknown,
    /// The graph has nothing that it would change.
    NothingToChange,
    /// It needs the source of the network, or sizes that only a conversion settles.
    NeedsSource,
    /// It changes nothing that a plan depends on.
    NotAboutPlacement,
}

/// What the change has to keep to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Target<'a> {
    /// The longest width or height that the Neural Engine takes.
    pub longest: u64,
    /// The largest weight file that it takes; 0 when there is no bound.
    pub largest_file: u64,
    /// Bytes that each weight takes in the file, copies included, in the variant that is planned.
    pub stored: &'a [u64],
}

/// Whether a recipe can be applied to graphs at all.
#[must_use]
pub fn is_expressible(recipe: &str) -> bool {
    matches!(kind(recipe), Kind::Graph(_) | Kind::Split)
}

enum Kind {
    Graph(fn(&mut Model, Target<'_>) -> u64),
    Split,
    Units,
    Other(NotApplied),
}

fn kind(recipe: &str) -> Kind {
    Kind::Graph(match recipe {
        "fp16" => types::to_half,
        "fp16-io" => types::half_interface,
        "palettize" => weights::palettize_blocks,
        "group-fallback" => weights::plain_tables,
        "skip-layer" => weights::decompress_odd,
        "split-head" => graph::split_heads,
        "host-lookup" => graph::look_up_outside,
        "host-tail" => graph::cut_tail,
        "precompute" => graph::precompute,
        "broadcast" => graph::broadcast,
        "triangular" => graph::triangular,
        "plain-attention" => graph::plain_attention,
        "approximate" => graph::approximate,
        "split-model" => return Kind::Split,
        "units" => return Kind::Units,
        "image-scale" | "mask-float" | "split-length" | "bc1s" | "fold-rank" | "conv-2d" | "conv-factors"
        | "static-weight" | "depthwise-2d" | "one-hot" | "mask-write" | "state-pattern" | "state-width"
        | "fixed-shapes" | "static-slices" | "scale-after" | "unroll" | "pad-in-conv" | "upsample-two"
        | "pool-stages" | "merge-models" => return Kind::Other(NotApplied::NeedsSource),
        "buffers" | "device" | "measure" | "target" | "stable-softplus" | "safe-norm" => {
            return Kind::Other(NotApplied::NotAboutPlacement);
        }
        _ => return Kind::Other(NotApplied::Unknown),
    })
}

/// Applies a recipe to a copy of the graph.
pub fn apply(model: &Model, recipe: &str, target: Target<'_>) -> Result<Change, NotApplied> {
    match kind(recipe) {
        Kind::Graph(change) => {
            let mut model = model.clone();
            let n_changed = change(&mut model, target);
            if n_changed == 0 {
                return Err(NotApplied::NothingToChange);
            }
            Ok(Change { parts: vec![model], units: None, n_changed })
        }
        Kind::Split => {
            let parts = split::split(model, target.stored, target.largest_file)?;
            let n_changed = parts.len() as u64;
            Ok(Change { parts, units: None, n_changed })
        }
        Kind::Units => Ok(Change { parts: vec![model.clone()], units: Some(Units::CpuAndNe), n_changed: 1 }),
        Kind::Other(why) => Err(why),
    }
}

/// Rewrites the top-level operations of a function one by one: what `rewrite` returns takes the place of the operation.
/// Returns how many were replaced.
fn each_op(function: &mut Function, mut rewrite: impl FnMut(&mut Function, &Op) -> Option<Vec<Op>>) -> u64 {
    let mut sections = std::mem::take(&mut function.sections);
    let mut n = 0;
    for section in &mut sections {
        let mut ops = Vec::with_capacity(section.ops.len());
        for op in std::mem::take(&mut section.ops) {
            match rewrite(function, &op) {
                Some(new) => {
                    n += u64::from(section.times);
                    ops.extend(new);
                }
                None => ops.push(op),
            }
        }
        section.ops = ops;
    }
    function.sections = sections;
    n
}

/// Adds a value to a function.
fn add_value(function: &mut Function, name: String, ty: TensorType, def: crate::model::Def) -> ValueId {
    let id = ValueId(function.values.len() as u32);
    function.values.push(Value { name, ty: crate::model::ValueType::Tensor(ty), def });
    id
}

/// An operation with one argument for each of `inputs` and one result.
fn simple(model_names: &mut crate::model::Names, kind: OpKind, inputs: &[(&str, ValueId)], output: ValueId) -> Op {
    Op {
        kind,
        inputs: inputs.iter().map(|(name, value)| (model_names.intern(name), vec![*value])).collect(),
        outputs: vec![output],
        blocks: Vec::new(),
    }
}

/// Lets whoever reads one value read another, and return it.
fn redirect(function: &mut Function, from: ValueId, to: ValueId) {
    for section in &mut function.sections {
        let mut waiting: Vec<&mut Op> = section.ops.iter_mut().collect();
        while let Some(op) = waiting.pop() {
            for value in op.inputs.iter_mut().flat_map(|(_, values)| values) {
                if *value == from {
                    *value = to;
                }
            }
            for block in &mut op.blocks {
                for value in block.outputs.iter_mut().filter(|value| **value == from) {
                    *value = to;
                }
                waiting.extend(&mut block.ops);
            }
        }
    }
    for value in function.outputs.iter_mut().filter(|value| **value == from) {
        *value = to;
    }
}
