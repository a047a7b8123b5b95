//! The feed-forward block of a layer: dense, or a few experts of many.

use super::{super::layers::Layers, block::Block};
use crate::{
    catalog::arch::decoder::{Bias, Experts, MlpKind, Projections},
    model::{DType, OpKind, ValueId},
};

impl Block<'_> {
    pub(super) fn feed(&self, l: &mut Layers<'_>, x: ValueId) -> ValueId {
        let arch = self.call.arch;
        if let Some(experts) = arch.experts {
            return self.experts(l, x, experts);
        }
        let (hidden, ffn) = (u64::from(arch.hidden), u64::from(self.layer.ffn));
        let bias = self.bias(Bias::All);
        let y = match (arch.mlp, arch.projections) {
            (MlpKind::Gated, Projections::Separate) => {
                let gate = l.linear(x, &self.weight("gate_proj"), ffn, bias);
                let gate = l.activation(arch.activation, gate);
                let up = l.linear(x, &self.weight("up_proj"), ffn, bias);
                l.mul(gate, up)
            }
            (MlpKind::Gated, Projections::Fused) => {
                let both = l.linear(x, &self.weight("gate_up_proj"), 2 * ffn, bias);
                let (gate, up) = l.halves(both);
                let gate = l.activation(arch.activation, gate);
                l.mul(gate, up)
            }
            (MlpKind::Plain, _) => {
                let up = l.linear(x, &self.weight("up_proj"), ffn, bias);
                l.activation(arch.activation, up)
            }
        };
        l.linear(y, &self.weight("down_proj"), hidden, bias)
    }

    /// Each token passes a few experts: the tokens are sorted by expert, each expert takes its run of rows, and the
    /// results go back to their tokens.
    fn experts(&self, l: &mut Layers<'_>, x: ValueId, experts: Experts) -> ValueId {
        let arch = self.call.arch;
        let (hidden, ffn) = (u64::from(arch.hidden), u64::from(self.layer.ffn));
        let (all, active) = (u64::from(experts.all), u64::from(experts.active));
        let tokens = l.dim(x, 1);
        let bias = self.bias(Bias::All);
        let scores = l.linear(x, &self.weight("router"), all, bias);
        let scores = l.softmax(scores);
        let k = l.ints(&[active]);
        let chosen = [1, tokens, active];
        let top = l.f.op_n(
            OpKind::Topk,
            &[("x", vec![scores]), ("k", vec![k])],
            &[(DType::Fp16, &chosen), (DType::Int32, &chosen)],
        );
        let (Some(share), Some(which)) = (top.first().copied(), top.get(1).copied()) else { return x };
        let sum = l.f.op(OpKind::ReduceSum, &[("x", share)], DType::Fp16, &[1, tokens, 1]);
        let share = l.binary(OpKind::RealDiv, share, sum);

        let rows = tokens * active;
        let used = all.min(rows).max(1);
        let sorted = l.f.op(OpKind::Gather, &[("x", x), ("indices", which)], DType::Fp16, &[1, rows, hidden]);
        let mut results = Vec::new();
        let mut from = 0;
        for expert in 0..used {
            let to = rows * (expert + 1) / used;
            let own = l.slice(sorted, 1, from, to);
            let gate = l.expert(own, &self.weight("experts.gate_proj"), ffn, experts.all, bias);
            let gate = l.activation(arch.activation, gate);
            let up = l.expert(own, &self.weight("experts.up_proj"), ffn, experts.all, bias);
            let y = l.mul(gate, up);
            results.push(l.expert(y, &self.weight("experts.down_proj"), hidden, experts.all, bias));
            from = to;
        }
        let results = l.concat(&results, 1);
        let back = [1, tokens, active, hidden];
        let results = l.f.op(OpKind::Gather, &[("x", results), ("indices", which)], DType::Fp16, &back);
        let share = l.reshape(share, &[1, tokens, active, 1]);
        let weighted = l.mul(results, share);
        l.f.op(OpKind::ReduceSum, &[("x", weighted)], DType::Fp16, &[1, tokens, hidden])
    }
}
