//! `split-model`: a graph too large for the Neural Engine's loader, cut into several at layer boundaries.
//!
//! Each part becomes a model of its own: what an earlier part makes is an input, what a later one reads an output, and only
//! the weights that it reads are stored with it. Every function is cut into as many parts as the others, so that functions
//! that share weights go on sharing them. Invariants: no part has more bytes of weights than was asked; each operation is
//! in one part (a layer that repeats: each copy); a graph whose parts would share a state is not cut. Absent on purpose:
//! cutting inside one operation.

use std::collections::BTreeSet;

use crate::model::{Block, Def, Dim, Function, Model, Op, OpKind, Section, ValueId, ValueType, Weight};

use super::NotApplied;

/// Most parts that are tried: shipped models have up to a dozen.
const MOST_PARTS: usize = 32;

/// Operations that stay together: one of a section that stands once, or a copy of a section that repeats.
struct Step {
    section: usize,
    /// The operation; `None` for the whole section.
    op: Option<usize>,
    /// Bytes of weights that it reads.
    bytes: u64,
    /// Tensors that live on after it.
    n_crossing: u64,
}

/// Cuts a model so that no part has more than `most` bytes of weights; `stored` has the bytes of each weight, copies
/// included.
pub(super) fn split(model: &Model, stored: &[u64], most: u64) -> Result<Vec<Model>, NotApplied> {
    let total = stored.iter().fold(0_u64, |sum, bytes| sum.saturating_add(*bytes));
    if most == 0 || total <= most {
        return Err(NotApplied::NothingToChange);
    }
    let one = |(weight, bytes): (&Weight, &u64)| bytes / u64::from(weight.copies.max(1));
    if model.weights.iter().zip(stored).map(one).any(|bytes| bytes > most) {
        // No cut between operations makes a single tensor smaller.
        return Err(NotApplied::NeedsSource);
    }
    let steps: Vec<Vec<Step>> = model.functions.iter().map(|function| steps(function, stored)).collect();
    let least = usize::try_from(total.div_ceil(most)).unwrap_or(usize::MAX);
    for n_parts in least.max(2)..=MOST_PARTS {
        let cuts: Vec<Vec<usize>> = steps.iter().map(|steps| cut(steps, n_parts)).collect();
        let Some(parts) = (0..n_parts).map(|at| part(model, &steps, &cuts, at, n_parts)).collect::<Option<Vec<_>>>()
        else {
            return Err(NotApplied::NeedsSource);
        };
        let fits = |part: &Model| bytes(part, model, stored) <= most;
        let has_work = |part: &Model| part.functions.iter().any(|function| !function.sections.is_empty());
        if parts.iter().all(|part| fits(part) && has_work(part)) {
            return Ok(parts);
        }
    }
    Err(NotApplied::NeedsSource)
}

/// Bytes of the weights of a part: copies of a row are alike.
fn bytes(part: &Model, whole: &Model, stored: &[u64]) -> u64 {
    let each = part.weights.iter().zip(&whole.weights).zip(stored);
    let own = each.map(|((part, whole), bytes)| {
        if part.parts.is_empty() { 0 } else { share(*bytes, u64::from(part.copies), u64::from(whole.copies)) }
    });
    own.fold(0, u64::saturating_add)
}

fn share(whole: u64, part: u64, of: u64) -> u64 {
    let share = u128::from(whole) * u128::from(part) / u128::from(of.max(1));
    u64::try_from(share).unwrap_or(u64::MAX)
}

/// The steps of a function with what each adds and leaves open.
fn steps(function: &Function, stored: &[u64]) -> Vec<Step> {
    let mut steps = Vec::new();
    for (at, section) in function.sections.iter().enumerate() {
        if section.times > 1 {
            let copy = |_| Step { section: at, op: None, bytes: 0, n_crossing: 0 };
            steps.extend((0..section.times).map(copy));
        } else {
            let one = |op| Step { section: at, op: Some(op), bytes: 0, n_crossing: 0 };
            steps.extend((0..section.ops.len()).map(one));
        }
    }
    // Where each value is made first and read last.
    let mut life: Vec<Option<(usize, usize)>> = vec![None; function.values.len()];
    for (at, step) in steps.iter_mut().enumerate() {
        let Some(section) = function.sections.get(step.section) else { continue };
        let mut of_step = 0_u64;
        for op in ops_of(section, step.op) {
            for id in reads(op) {
                if let Some(Some((_, last))) = life.get_mut(id.0 as usize) {
                    *last = at;
                }
                let Some(weight) = function.weight(id) else { continue };
                // A weight that is read far apart is stored with both parts, so it counts with each of its readers.
                let bytes = stored.get(weight.0 as usize).copied().unwrap_or(0);
                of_step = of_step.saturating_add(bytes / u64::from(section.times.max(1)));
            }
            for id in &op.outputs {
                if let Some(slot) = life.get_mut(id.0 as usize) {
                    // Of copies, only what the last one makes is read outside.
                    *slot = Some((at, at));
                }
            }
        }
        step.bytes = of_step;
    }
    // Opened and closed lives, summed up from the start.
    let mut change = vec![0_i64; steps.len() + 1];
    for (made, last) in life.into_iter().flatten().filter(|(made, last)| made < last) {
        for (at, by) in [(made, 1), (last, -1)] {
            if let Some(slot) = change.get_mut(at) {
                *slot += by;
            }
        }
    }
    let mut open = 0;
    for (step, by) in steps.iter_mut().zip(change) {
        open += by;
        step.n_crossing = open.unsigned_abs();
    }
    steps
}

/// The last step of each part but the last: close to an equal share of the bytes, where the fewest tensors cross.
fn cut(steps: &[Step], n_parts: usize) -> Vec<usize> {
    let total: u64 = steps.iter().map(|step| step.bytes).fold(0, u64::saturating_add);
    let whole = total as f64 / n_parts as f64;
    let mut cuts: Vec<usize> = Vec::new();
    for part in 1..n_parts {
        let (mut sum, mut best) = (0.0, None::<(bool, u64, f64, usize)>);
        let target = whole * part as f64;
        for (at, step) in steps.iter().enumerate() {
            sum += step.bytes as f64;
            if cuts.last().is_some_and(|last| at <= *last) {
                continue;
            }
            let off = if sum > target { sum - target } else { target - sum };
            // Near enough to the share first, then few tensors, then the nearest.
            let is_far = off > whole * 0.15;
            let own = (is_far, if is_far { 0 } else { step.n_crossing }, off, at);
            if best.is_none_or(|best| own < best) {
                best = Some(own);
            }
        }
        cuts.push(best.map_or(steps.len(), |(_, _, _, at)| at));
    }
    cuts
}

/// One part of every function as a model; `None` when it would share a state with another part.
fn part(model: &Model, steps: &[Vec<Step>], cuts: &[Vec<usize>], at: usize, n_parts: usize) -> Option<Model> {
    let mut part = Model { name: format!("{}, part {} of {n_parts}", model.name, at + 1), ..model.clone() };
    part.on_disk = None;
    let mut copies = vec![0_u32; model.weights.len()];
    let mut functions = Vec::with_capacity(model.functions.len());
    for ((function, steps), cuts) in model.functions.iter().zip(steps).zip(cuts) {
        let from = if at == 0 { 0 } else { cuts.get(at - 1).map_or(steps.len(), |last| last + 1) };
        let to = cuts.get(at).map_or(steps.len(), |last| last + 1).max(from);
        let own = steps.get(from..to).unwrap_or_default();
        let later = steps.get(to..).unwrap_or_default();
        functions.push(part_of(model, function, own, later, &mut copies)?);
    }
    part.functions = functions;
    for (weight, copies) in part.weights.iter_mut().zip(copies) {
        if copies == 0 {
            weight.parts.clear();
            weight.shape = vec![0];
        }
        weight.copies = copies.max(1);
    }
    Some(part)
}

fn part_of(model: &Model, function: &Function, own: &[Step], later: &[Step], copies: &mut [u32]) -> Option<Function> {
    let mut cut = Function { sections: sections(function, own), ..function.clone() };
    let mut made: BTreeSet<ValueId> = BTreeSet::new();
    let mut read: BTreeSet<ValueId> = BTreeSet::new();
    let mut states: Vec<(ValueId, usize, u32)> = Vec::new();
    for (section, from) in cut.sections.iter().zip(sections_of(own)) {
        for op in &section.ops {
            for id in reads(op) {
                match function.value(id).map(|value| &value.def) {
                    Some(Def::Weight(weight)) => {
                        let row = model.weights.get(weight.0 as usize)?;
                        let times = function.sections.get(from).map_or(1, |section| section.times).max(1);
                        let more = u32::try_from(share(row.copies.into(), section.times.into(), times.into())).ok()?;
                        let slot = copies.get_mut(weight.0 as usize)?;
                        // Functions share weights, and a row that stands once serves every reader.
                        *slot = (*slot).max(more.max(1));
                    }
                    Some(Def::State) => states.push((id, from, section.times)),
                    Some(Def::Op | Def::Input) if !made.contains(&id) => {
                        read.insert(id);
                    }
                    Some(Def::Op | Def::Input | Def::Const(_)) | None => {}
                }
            }
            made.extend(op.outputs.iter().copied());
        }
    }
    let read_later: BTreeSet<(ValueId, usize)> = later
        .iter()
        .filter_map(|step| Some((step, function.sections.get(step.section)?)))
        .flat_map(|(step, section)| ops_of(section, step.op).iter().flat_map(reads).map(|id| (id, step.section)))
        .collect();
    let is_read_later = |id: &ValueId| read_later.range((*id, 0)..=(*id, usize::MAX)).next().is_some();
    shrink_states(function, &mut cut, &states, &read_later)?;
    for id in &read {
        cut.values.get_mut(id.0 as usize)?.def = Def::Input;
    }
    cut.inputs = read.into_iter().collect();
    cut.states.retain(|id| states.iter().any(|(own, _, _)| own == id));
    cut.outputs.retain(|id| made.contains(id));
    // Where layers that repeat are cut, what they read from before them also stands for what one copy hands to the next.
    cut.outputs.extend(made.iter().filter(|id| is_read_later(id) && !function.outputs.contains(id)));
    Some(cut)
}

/// A state of layers that repeat has a slice for each copy, and each part keeps its own; any other state stands in one part.
fn shrink_states(
    function: &Function,
    cut: &mut Function,
    states: &[(ValueId, usize, u32)],
    read_later: &BTreeSet<(ValueId, usize)>,
) -> Option<()> {
    for (id, from, times) in states {
        let whole = function.sections.get(*from).map_or(1, |section| section.times);
        let mut later = read_later.range((*id, 0)..=(*id, usize::MAX)).map(|(_, section)| section);
        if later.any(|section| whole <= 1 || section != from) {
            return None;
        }
        if *times == whole {
            continue;
        }
        let ty = function.tensor(*id)?;
        if ty.shape.first() != Some(&Dim::Fixed(u64::from(whole))) {
            return None;
        }
        // What is read from the state and written to it has its shape.
        let moves = |op: &&Op| matches!(op.kind, OpKind::ReadState | OpKind::SliceUpdate);
        let sections = function.sections.get(*from).map(|section| section.ops.as_slice()).unwrap_or_default();
        let made = sections.iter().filter(moves).flat_map(|op| &op.outputs);
        for own in std::iter::once(id).chain(made) {
            if function.tensor(*own).is_some_and(|other| other.shape == ty.shape)
                && let ValueType::Tensor(tensor) = &mut cut.values.get_mut(own.0 as usize)?.ty
                && let Some(slices) = tensor.shape.first_mut()
            {
                *slices = Dim::Fixed(u64::from(*times));
            }
        }
    }
    Some(())
}

/// Sections of some steps, copies counted together.
fn sections(function: &Function, steps: &[Step]) -> Vec<Section> {
    let mut all: Vec<Section> = Vec::new();
    let mut last = None;
    for step in steps {
        let Some(section) = function.sections.get(step.section) else { continue };
        match all.last_mut().filter(|_| last == Some(step.section)) {
            Some(open) if step.op.is_none() => open.times += 1,
            Some(open) => open.ops.extend_from_slice(ops_of(section, step.op)),
            None => all.push(Section { times: 1, ops: ops_of(section, step.op).to_vec() }),
        }
        last = Some(step.section);
    }
    all
}

/// The sections that [`sections`] takes them from.
fn sections_of(steps: &[Step]) -> Vec<usize> {
    let mut all: Vec<usize> = steps.iter().map(|step| step.section).collect();
    all.dedup();
    all
}

fn ops_of(section: &Section, op: Option<usize>) -> &[Op] {
    match op {
        Some(at) => section.ops.get(at..=at).unwrap_or_default(),
        None => &section.ops,
    }
}

/// What an operation reads from outside, its blocks included.
fn reads(op: &Op) -> Vec<ValueId> {
    let mut read: Vec<ValueId> = op.inputs.iter().flat_map(|(_, values)| values).copied().collect();
    let mut inside: BTreeSet<ValueId> = BTreeSet::new();
    let mut waiting: Vec<&Block> = op.blocks.iter().collect();
    while let Some(block) = waiting.pop() {
        inside.extend(block.inputs.iter().copied());
        read.extend(block.outputs.iter().copied());
        for nested in &block.ops {
            read.extend(nested.inputs.iter().flat_map(|(_, values)| values).copied());
            inside.extend(nested.outputs.iter().copied());
            waiting.extend(&nested.blocks);
        }
    }
    read.retain(|id| !inside.contains(id));
    read
}
