//! Lowers a published architecture to the operations that coremltools would write for it.
//!
//! Invariants: every weight of the published checkpoint is one row, or stands in a [`Ledger`] of what conversion folds
//! and adds (tests hold the count to the published figure); repeated layers are one section; a language model has a
//! `prefill` function that reads the prompt and a `decode` function that writes one token, over the same weights. Absent
//! on purpose: simplified formulas beside the graph.

mod config;
mod decoder;
mod diffusion;
mod layers;
mod mlp;
mod net;
mod speech;
mod text_encoder;
mod vision;

pub use config::config_json;

use crate::{
    catalog::{
        Preset,
        arch::{Arch, Decoder},
    },
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

/// What conversion does to the count of parameters of one function.
///
/// The checkpoint's own count is what the function stores, less `added`, plus `folded`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ledger {
    /// The function.
    pub function: String,
    /// Parameters of the checkpoint that conversion folds into others (batch norms, training branches, layer scales).
    pub folded: u64,
    /// Elements that conversion stores and no checkpoint counts (folded biases, zeros, running statistics).
    pub added: u64,
}

/// The model of a preset under a workload.
#[must_use]
pub fn lower(preset: &Preset, workload: &Workload) -> Model {
    lower_with_ledgers(preset, workload).0
}

/// The model of a preset, and for image models what conversion folds and adds, function by function. A function without
/// a ledger stores its checkpoint's parameters as they are.
#[must_use]
pub fn lower_with_ledgers(preset: &Preset, workload: &Workload) -> (Model, Vec<Ledger>) {
    let mut model = Model { name: preset.name.clone(), ..Model::default() };
    let mut ledgers = Vec::new();
    match &preset.arch {
        Arch::Mlp(arch) => mlp::lower(arch, workload, &mut model),
        Arch::Decoder(arch) => decoder::lower(arch, workload, &mut model),
        Arch::TextEncoder(arch) => text_encoder::lower(arch, workload, &mut model),
        Arch::Speech(arch) => speech::lower(arch, workload, &mut model),
        Arch::Diffusion(arch) => ledgers = diffusion::lower(arch, &mut model),
        Arch::Vision(arch) => ledgers = vision::lower(arch, &mut model),
    }
    (model, ledgers)
}

/// The model of a language model that is not in the catalogue (see [`config_json`]).
#[must_use]
pub fn lower_decoder(name: &str, arch: &Decoder, workload: &Workload) -> Model {
    let mut model = Model { name: name.to_owned(), ..Model::default() };
    decoder::lower(arch, workload, &mut model);
    model
}
