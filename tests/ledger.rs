//! Every byte of every fixture is for something, and every weight has its row.

#![allow(clippy::panic, reason = "tests speak by failing")]

use std::path::{Path, PathBuf};

use coreml_planner::{
    format::{self, ByteKind, Limits, Package},
    report::weights::{self, WeightRow},
};

#[path = "../src/bin/planner/files.rs"]
mod files;
#[path = "support/ledger.rs"]
mod ledger;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/packages")
}

fn open(path: &Path) -> Package {
    let entries = files::open_path(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    format::open(entries, &Limits::default()).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn fixture(name: &str) -> Package {
    open(&folder().join(name))
}

fn bytes(package: &Package, kind: ByteKind) -> u64 {
    package.bytes.iter().filter(|row| row.kind == kind).map(|row| row.bytes).sum()
}

fn row(package: &Package, name: &str) -> WeightRow {
    let rows = weights::rows(package);
    let names: Vec<String> = rows.iter().map(|row| row.name.clone()).collect();
    rows.into_iter().find(|row| row.name.contains(name)).unwrap_or_else(|| panic!("no weight {name} in {names:?}"))
}

#[test]
fn every_fixture_adds_up() {
    let mut n = 0;
    for folder in [folder(), folder().join("other")] {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|ending| ending == "zip" || ending == "mlmodel") {
                let package = open(&path);
                ledger::check(&package).unwrap_or_else(|text| panic!("{}: {text}", path.display()));
                n += 1;
            }
        }
    }
    assert!(n >= 24, "{n} fixtures");
}

#[test]
fn a_palettized_weight_shows_its_table_apart() {
    let package = fixture("conv_lut4_ios17.mlpackage.zip");
    let weight = weights::rows(&package).into_iter().find(|row| row.encoding == "lut4");
    let weight = weight.unwrap_or_else(|| panic!("a palettized weight"));
    assert_eq!((weight.how.bits, weight.how.tables), (Some(4), Some(1)));
    assert_eq!(weight.value_bytes, weight.elements.div_ceil(2), "half a byte for each index");
    assert_eq!(weight.table_bytes, 16 * 2, "sixteen half-precision entries");
    assert_eq!(weight.stored_bytes, weight.value_bytes + weight.table_bytes);
    assert_eq!(weight.used_by, "conv.weight");
    assert!(weight.bits_per_weight.is_some_and(|bits| bits > 4.0 && bits < 4.5));
    assert!(bytes(&package, ByteKind::Tables) >= 32);
}

#[test]
fn scales_masks_and_blocks_have_their_own_bytes() {
    let block = fixture("conv_int4_block_ios18.mlpackage.zip");
    assert!(weights::rows(&block).iter().any(|row| row.how.block.is_some() && row.scale_bytes > 0));
    assert!(bytes(&block, ByteKind::Scales) > 0);
    let sparse = fixture("conv_sparse50_ios17.mlpackage.zip");
    let weight = weights::rows(&sparse).into_iter().find(|row| row.mask_bytes > 0);
    let weight = weight.unwrap_or_else(|| panic!("a sparse weight"));
    assert_eq!(weight.mask_bytes, weight.elements.div_ceil(8), "one bit for each element");
    assert!(weight.how.sparsity.is_some_and(|share| (share - 0.5).abs() < 0.02), "{:?}", weight.how);
    assert!(bytes(&sparse, ByteKind::Masks) > 0);
}

#[test]
fn what_is_shared_says_so() {
    let tied = fixture("tied_weight_ios17.mlpackage.zip");
    assert!(weights::rows(&tied).iter().any(|row| row.n_readers == 2), "one weight, two readers");
    let functions = fixture("multifunction_ios18.mlpackage.zip");
    let shared = weights::rows(&functions).into_iter().filter(|row| row.functions.len() > 1).count();
    assert!(shared > 0, "a weight that two functions read is one row");
}

#[test]
fn models_that_are_no_networks_are_learned_bytes() {
    let tree = fixture("other/tree.mlmodel");
    assert!(bytes(&tree, ByteKind::Learned) > 0 && bytes(&tree, ByteKind::Graph) == 0);
    let network = fixture("other/network.mlmodel");
    assert!(bytes(&network, ByteKind::Values) > 0 && bytes(&network, ByteKind::Graph) > 0);
    let first = row(&network, ".weights");
    assert_eq!(first.file, None, "the weights of a network are in its specification");
}
