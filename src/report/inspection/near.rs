//! What is around one operation: two steps up to what it depends on, two steps down to what depends on it.
//!
//! Invariants: a node stands once, at its least number of steps; what does not fit is counted. Absent on purpose: how it
//! is drawn (`desk`).

use std::collections::{HashMap, HashSet};

use super::query::{Sketch, SketchEdge, SketchNode};
use crate::{model::Function, report::place::OpPlace};

/// Rows that an operation reads, and rows that read it.
pub(super) type Links = (Vec<u32>, Vec<u32>);

/// Most nodes of one step: with four steps and the operation itself, 25 at the most.
const STEP_MOST: usize = 6;
/// Steps in each direction.
const STEPS: i8 = 2;

/// Who reads whom, in the order in which `place` lists operations.
pub(super) fn links(function: &Function) -> Vec<Links> {
    let mut made: HashMap<u32, u32> = HashMap::new();
    let mut ops = Vec::new();
    function.visit(&mut |_, op| {
        let row = ops.len() as u32;
        made.extend(op.outputs.iter().map(|id| (id.0, row)));
        ops.push(op);
    });
    let mut rows: Vec<Links> = vec![Default::default(); ops.len()];
    for (row, op) in (0_u32..).zip(ops) {
        let mut reads: Vec<u32> =
            op.inputs.iter().flat_map(|(_, values)| values).filter_map(|id| made.get(&id.0).copied()).collect();
        reads.sort_unstable();
        reads.dedup();
        for from in &reads {
            if let Some((_, read_by)) = rows.get_mut(*from as usize) {
                read_by.push(row);
            }
        }
        if let Some((own, _)) = rows.get_mut(row as usize) {
            *own = reads;
        }
    }
    rows
}

/// The picture of what is around an operation; `name` says what a person reads of a row.
pub(super) fn sketch(links: &[Links], ops: &[OpPlace], row: u32, name: impl Fn(&OpPlace) -> String) -> Sketch {
    let mut own = Sketch::default();
    let mut seen = HashSet::from([row]);
    let add = |own: &mut Sketch, row: u32, step: i8| {
        if let Some(op) = ops.get(row as usize) {
            let (kind, unit) = (op.op.clone(), op.predicted.to_owned());
            own.nodes.push(SketchNode { row, step, kind, unit, name: name(op) });
        }
    };
    add(&mut own, row, 0);
    for way in [-1, 1] {
        let mut front = vec![row];
        for step in 1..=STEPS {
            let mut next: Vec<u32> = Vec::new();
            for (reads, read_by) in front.iter().filter_map(|from| links.get(*from as usize)) {
                let to = if way < 0 { reads } else { read_by };
                next.extend(to.iter().filter(|to| seen.insert(**to)));
            }
            next.sort_unstable();
            let n_more = next.len().saturating_sub(STEP_MOST);
            if n_more > 0 {
                own.more.push((way * step, u32::try_from(n_more).unwrap_or(u32::MAX)));
            }
            next.truncate(STEP_MOST);
            next.iter().for_each(|row| add(&mut own, *row, way * step));
            front = next;
        }
    }
    let places: HashMap<u32, usize> = own.nodes.iter().zip(0..).map(|(node, at)| (node.row, at)).collect();
    for (to, node) in own.nodes.iter().enumerate() {
        let reads = links.get(node.row as usize).map_or(&[][..], |(reads, _)| reads.as_slice());
        for from in reads.iter().filter_map(|row| places.get(row).copied()) {
            let crosses = own.nodes.get(from).is_some_and(|other| other.unit != node.unit);
            own.edges.push(SketchEdge { from: from as u32, to: to as u32, crosses });
        }
    }
    own
}

#[cfg(test)]
mod tests {
    use super::*;

    fn op(row: usize, predicted: &'static str) -> OpPlace {
        let name = format!("v{row}");
        OpPlace {
            output: name.clone(),
            name,
            op: "relu".to_owned(),
            times: 1,
            predicted,
            eligible: vec![predicted],
            cost_share: 0.0,
            confidence: "likely",
            reasons: Vec::new(),
        }
    }

    /// A graph by who reads whom, with every operation on the unit that is given for it.
    fn check(reads: &[(&[u32], &'static str)], row: u32) -> Sketch {
        let mut links: Vec<Links> = reads.iter().map(|(own, _)| (own.to_vec(), Vec::new())).collect();
        for (to, (own, _)) in reads.iter().enumerate() {
            own.iter().for_each(|from| links[*from as usize].1.push(to as u32));
        }
        let ops: Vec<OpPlace> = reads.iter().enumerate().map(|(row, (_, unit))| op(row, unit)).collect();
        sketch(&links, &ops, row, |op| op.output.clone())
    }

    #[test]
    fn readers_that_find_no_room_are_counted() {
        let mut reads: Vec<(&[u32], &'static str)> = vec![(&[], "ane")];
        reads.extend([(&[0_u32][..], "ane"); 18]);
        let own = check(&reads, 0);
        assert_eq!((own.nodes.len(), own.edges.len(), own.more), (7, 6, vec![(1, 12)]));
    }

    #[test]
    fn steps_go_two_up_and_two_down_and_edges_between_units_are_marked() {
        let own = check(&[(&[], "cpu"), (&[0], "cpu"), (&[1], "cpu"), (&[2], "ane"), (&[3], "ane"), (&[4], "ane")], 3);
        let steps: Vec<(u32, i8)> = own.nodes.iter().map(|node| (node.row, node.step)).collect();
        assert_eq!(steps, [(3, 0), (2, -1), (1, -2), (4, 1), (5, 2)]);
        let crossing: Vec<(u32, u32)> =
            own.edges.iter().filter(|edge| edge.crosses).map(|edge| (edge.from, edge.to)).collect();
        assert_eq!(crossing, [(1, 0)], "from the CPU to the operation, and nowhere else");
    }

    #[test]
    fn an_operation_that_reads_one_that_reads_it_stands_once() {
        let own = check(&[(&[1], "ane"), (&[0], "ane")], 0);
        assert_eq!(own.nodes.len(), 2);
    }

    #[test]
    fn a_row_that_is_not_there_has_no_picture() {
        assert_eq!(check(&[(&[], "ane")], 9), Sketch::default());
    }
}
