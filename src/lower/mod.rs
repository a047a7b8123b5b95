//! Lowers a published architecture to the operations that coremltools would write for it.
//!
//! Invariants: every weight of the published checkpoint is one row (tests hold the count to the published figure);
//! repeated layers are one section; a language model has a `prefill` function that reads the prompt and a `decode`
//! function that writes one token, over the same weights. Absent on purpose: simplified formulas beside the graph.

mod decoder;
mod diffusion;
mod layers;
mod mlp;
mod speech;
mod text_encoder;
mod vision;

use crate::{
    catalog::{Preset, arch::Arch},
    model::Model,
};

/// What a run of the model is asked to do; decides the shapes of the lowered functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workload {
    /// Capacity of the KV cache, in tokens.
    pub context: u32,
    /// Prompt tokens that the prefill function reads in one call (at least 1).
    pub prompt: u32,
}

/// The model of a preset under a workload.
#[must_use]
pub fn lower(preset: &Preset, workload: &Workload) -> Model {
    let mut model = Model { name: preset.name.clone(), ..Model::default() };
    match &preset.arch {
        Arch::Mlp(arch) => mlp::lower(arch, workload, &mut model),
        Arch::Decoder(arch) => decoder::lower(arch, workload, &mut model),
        Arch::TextEncoder(arch) => text_encoder::lower(arch, workload, &mut model),
        Arch::Speech(arch) => speech::lower(arch, workload, &mut model),
        Arch::Diffusion(arch) => diffusion::lower(arch, workload, &mut model),
        Arch::Vision(arch) => vision::lower(arch, workload, &mut model),
    }
    model
}
