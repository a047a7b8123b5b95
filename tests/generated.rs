//! Laws of the reader over generated packages: random functions, nested blocks, states, weights in every form, shared
//! ones, in folders and in archives of every kind. The generator knows what it wrote (`generated/package.rs`).

#![allow(clippy::expect_used, clippy::panic, reason = "a test may fail")]

use coreml_planner::{
    format::{self, Entry, Limits, Package, RangeSource, ReadError},
    model::Place,
    report::inspect,
};
use proptest::prelude::*;

#[path = "support/archive.rs"]
mod archive;
#[path = "generated/package.rs"]
mod package;
#[path = "support/wire.rs"]
mod wire;

use archive::{Form, Packing, Sizes, Width};
use package::{Truth, any_plan};

type Files = Vec<(String, Vec<u8>)>;

/// Bytes in memory as a source.
struct Bytes(Vec<u8>);

impl RangeSource for Bytes {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }
    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), String> {
        let from = offset as usize;
        into.copy_from_slice(self.0.get(from..from + into.len()).ok_or("beyond the end")?);
        Ok(())
    }
}

fn open(files: Files) -> Result<Package, ReadError> {
    let entries = files.into_iter().map(|(path, bytes)| Entry { path, source: Box::new(Bytes(bytes)) });
    format::open(entries.collect(), &Limits::default())
}

/// The files of a package in its folder.
fn foldered(files: &Files) -> Files {
    files.iter().map(|(path, bytes)| (format!("m.mlpackage/{path}"), bytes.clone())).collect()
}

/// What the reader says, in the form of the truth.
fn said(package: &Package) -> Truth {
    let document = inspect::document(package);
    let weight = |weight: &coreml_planner::model::Weight| {
        (weight.name.clone(), (weight.elements(), weight.stored_bytes(), format!("{:?}", weight.encoding)))
    };
    Truth {
        ops: document.functions.into_iter().map(|function| (function.name, function.ops)).collect(),
        weights: package.model.weights.iter().map(weight).collect(),
        n_states: package.model.functions.iter().map(|function| function.states.len()).sum(),
        unaccounted: package.unaccounted_bytes,
        total: package.total_bytes(),
    }
}

fn any_archive() -> impl Strategy<Value = Form> {
    let packing = prop_oneof![Just(Packing::Stored), Just(Packing::Deflated), Just(Packing::Mixed)];
    let sizes = prop_oneof![Just(Sizes::Before), Just(Sizes::After)];
    let width = prop_oneof![Just(Width::Narrow), Just(Width::Zip64)];
    let comment = prop::collection::vec(any::<u8>(), 0..100);
    (packing, sizes, width, prop_oneof![Just(0_usize), 1..200_usize], comment)
        .prop_map(|(packing, sizes, width, stub, comment)| Form { packing, sizes, width, stub, comment })
}

/// Without what rightly depends on the way a file is read: records in a deflated file are not looked at.
fn comparable(mut package: Package) -> Package {
    package.warnings.retain(|warning| !warning.text.contains("announces"));
    package
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_reader_says_what_the_generator_wrote(plan in any_plan()) {
        let (files, truth) = package::write(&plan);
        let package = open(foldered(&files)).expect("a valid package");
        prop_assert_eq!(said(&package), truth);
        let least = usize::from(package.unaccounted_bytes > 0);
        let expected = |text: &str| text.contains("refer") || text.contains("`no_such_operation` is not known");
        let unknown = package.warnings.iter().filter(|warning| !expected(&warning.text)).count();
        prop_assert_eq!(unknown, 0, "{:?}", package.warnings);
        prop_assert!(package.warnings.len() >= least, "what is unaccounted is warned of");
    }

    #[test]
    fn parts_and_what_is_unaccounted_are_all_there_is(plan in any_plan()) {
        let (files, _) = package::write(&plan);
        let package = open(foldered(&files)).expect("a valid package");
        let mut blobs: Vec<(u64, u64)> = Vec::new();
        for part in package.model.weights.iter().flat_map(|weight| &weight.parts) {
            if let Place::Blob { offset, .. } = part.place {
                blobs.push((offset, part.bytes));
            }
        }
        blobs.sort_unstable();
        blobs.dedup();
        let in_blobs: u64 = blobs.iter().map(|(_, bytes)| 64 + bytes.next_multiple_of(64)).sum();
        let header = if blobs.is_empty() { 0 } else { 64 };
        let read: u64 = files.iter().filter(|(path, _)| path.ends_with(".mlmodel") || path.ends_with(".json"))
            .map(|(_, bytes)| bytes.len() as u64).sum();
        prop_assert_eq!(header + in_blobs + read + package.unaccounted_bytes, package.total_bytes());
    }

    #[test]
    fn an_archive_says_what_the_folder_says(plan in any_plan(), form in any_archive(), inside in any::<bool>()) {
        let (files, _) = package::write(&plan);
        let folder = open(foldered(&files)).expect("a valid package");
        let files = if inside { foldered(&files) } else { files };
        let zipped = open(vec![("m.mlpackage.zip".to_owned(), archive::zip(&files, form))]).expect("a valid archive");
        prop_assert_eq!(comparable(zipped), comparable(folder));
    }

    #[test]
    fn the_order_of_the_files_means_nothing(plan in any_plan(), by in any::<prop::sample::Index>()) {
        let (files, _) = package::write(&plan);
        let in_order = foldered(&files);
        let mut turned = in_order.clone();
        let n = turned.len();
        turned.rotate_left(by.index(n));
        if by.index(2) == 1 {
            turned.reverse();
        }
        prop_assert_eq!(open(turned).expect("a valid package"), open(in_order).expect("a valid package"));
    }

    #[test]
    fn damage_anywhere_is_read_or_refused(
        plan in any_plan(),
        form in proptest::option::of(any_archive()),
        which in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        change in prop_oneof![Just(None), (0..8_u32).prop_map(Some)],
    ) {
        let (files, _) = package::write(&plan);
        let mut files = match form {
            Some(form) => vec![("m.mlpackage.zip".to_owned(), archive::zip(&foldered(&files), form))],
            None => foldered(&files),
        };
        let which = which.index(files.len());
        let (_, bytes) = &mut files[which];
        let at = at.index(bytes.len().max(1));
        match change {
            // Cut there, or one bit turned.
            None => bytes.truncate(at),
            Some(bit) => if let Some(byte) = bytes.get_mut(at) { *byte ^= 1 << bit },
        }
        match open(files) {
            Ok(package) => {
                prop_assert!(package.unaccounted_bytes <= package.total_bytes());
                prop_assert!(!inspect::text(&inspect::document(&package)).is_empty());
            }
            Err(error) => prop_assert!(!error.file.is_empty() && !error.what.is_empty(), "{:?}", error),
        }
    }
}
