//! The coefficients of the cost model, by name. Their values, ranges and sources are in `assets/data/coefficients.toml`.

use std::sync::LazyLock;

use crate::{
    catalog::{Catalog, Coefficient, FactKind},
    units::{Basis, Figure, Quantity},
};

macro_rules! coefficients {
    ($($name:ident = $id:literal,)*) => {
        /// One coefficient of the cost model.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs, reason = "each is described by its row in the catalogue")]
        pub enum Coef {
            $($name,)*
        }

        impl Coef {
            /// Every coefficient.
            pub const EVERY: &[Self] = &[$(Self::$name,)*];

            /// Its id in the catalogue.
            #[must_use]
            pub fn id(self) -> &'static str {
                match self {
                    $(Self::$name => $id,)*
                }
            }
        }
    };
}

coefficients! {
    AneDenseShare = "ane-dense-share",
    AneDepthwiseShare = "ane-depthwise-share",
    AneWeightShare = "ane-weight-share",
    AneDramShare = "ane-dram-share",
    AneTableReload = "ane-table-reload",
    AneWeightsBase = "ane-weights-base",
    AneWeightsMax = "ane-weights-max",
    AneWeightsM6 = "ane-weights-m6",
    AneActivationRate = "ane-activation-rate",
    UnfusedShare = "unfused-share",
    AneOnChip = "ane-on-chip",
    AneCallMac = "ane-call-mac",
    AneCallPhone = "ane-call-phone",
    AneHopMac = "ane-hop-mac",
    AneHopPhone = "ane-hop-phone",
    GpuHop = "gpu-hop",
    PlannerStep = "planner-step",
    GpuDenseShareCoreml = "gpu-dense-share-coreml",
    GpuMatrixShare = "gpu-matrix-share",
    GpuDenseShareLlamacpp = "gpu-dense-share-llamacpp",
    GpuDenseShareMlx = "gpu-dense-share-mlx",
    GpuWeightShare = "gpu-weight-share",
    GpuActivationShare = "gpu-activation-share",
    GpuOpCoreml = "gpu-op-coreml",
    GpuOpLlamacpp = "gpu-op-llamacpp",
    GpuOpMlx = "gpu-op-mlx",
    CacheShareCoremlGpu = "cache-share-coreml-gpu",
    CacheMostCoremlGpu = "cache-most-coreml-gpu",
    CacheShareAne = "cache-share-ane",
    CacheShareOther = "cache-share-other",
    CacheShareCpu = "cache-share-cpu",
    CpuBandwidthShare = "cpu-bandwidth-share",
    CpuBandwidthMost = "cpu-bandwidth-most",
    CpuDenseShare = "cpu-dense-share",
    CpuMatrixUnknown = "cpu-matrix-unknown",
    CpuOp = "cpu-op",
    Int8Gain = "int8-gain",
    GpuLutSlowdown = "gpu-lut-slowdown",
    RuntimeMemoryCoreml = "runtime-memory-coreml",
    RuntimeMemoryOther = "runtime-memory-other",
    DownloadShare = "download-share",
    SustainedShareAne = "sustained-share-ane",
    SustainedShareGpu = "sustained-share-gpu",
    PowerPhone = "power-phone",
    PowerMacAne = "power-mac-ane",
    PowerMacGpuMax = "power-mac-gpu-max",
}

static ROWS: LazyLock<Vec<Option<&'static Coefficient>>> = LazyLock::new(|| {
    let find = |coef: &Coef| Catalog::get().coefficients.iter().find(|row| row.id == coef.id());
    Coef::EVERY.iter().map(find).collect()
});

/// A number without a unit: a share or a multiple.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Share(f64);

impl Quantity for Share {
    const UNIT: &'static str = "times";
    fn get(self) -> f64 {
        self.0
    }
    fn of(value: f64) -> Self {
        Self(value)
    }
}

impl Coef {
    /// Its row in the catalogue. (A test holds every coefficient to having one.)
    #[must_use]
    pub fn row(self) -> Option<&'static Coefficient> {
        ROWS.get(self as usize).copied().flatten()
    }

    /// Its value and range.
    #[must_use]
    pub fn figure<Q: Quantity>(self) -> Figure<Q> {
        let (value, low, high, kind) = match self.row() {
            Some(row) => (row.fact.value, row.fact.low, row.fact.high, row.fact.kind),
            None => (0.0, 0.0, 0.0, FactKind::Assumed),
        };
        Figure::range(Q::of(value), Q::of(low), Q::of(high), basis(kind))
    }
}

/// How a figure that rests on a fact is called.
#[must_use]
pub(super) fn basis(kind: FactKind) -> Basis {
    match kind {
        FactKind::Measured => Basis::Measured,
        FactKind::Vendor | FactKind::Derived => Basis::Derived,
        FactKind::Assumed => Basis::Assumed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_coefficient_has_its_row_and_every_row_its_coefficient() {
        for coef in Coef::EVERY {
            assert!(coef.row().is_some_and(|row| row.fact.value > 0.0), "{} is not in the catalogue", coef.id());
        }
        assert_eq!(Catalog::get().coefficients.len(), Coef::EVERY.len());
    }
}
