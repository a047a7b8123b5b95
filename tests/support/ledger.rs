//! What every opened artefact has in common: its bytes and its weights add up.

#![allow(dead_code, reason = "each test takes what it needs")]

use coreml_planner::{
    format::{ByteKind, Package},
    model::Place,
    report::weights,
};

/// Says what does not add up.
pub(crate) fn check(package: &Package) -> Result<(), String> {
    for (at, file) in package.files.iter().enumerate() {
        let rows = package.bytes.iter().filter(|row| row.file as usize == at);
        let sum: u64 = rows.clone().map(|row| row.bytes).sum();
        if sum != file.bytes {
            return Err(format!("{}: the rows sum to {sum}, the file has {}", file.path, file.bytes));
        }
        let mut kinds: Vec<ByteKind> = rows.map(|row| row.kind).collect();
        let n = kinds.len();
        kinds.sort_unstable();
        kinds.dedup();
        if kinds.len() != n {
            return Err(format!("{}: a kind has two rows", file.path));
        }
    }
    if package.bytes.iter().any(|row| row.file as usize >= package.files.len() || row.bytes == 0) {
        return Err("a row is about no file, or about no bytes".to_owned());
    }
    let unreferenced: u64 =
        package.bytes.iter().filter(|row| row.kind == ByteKind::Unreferenced).map(|row| row.bytes).sum();
    if unreferenced != package.unaccounted_bytes {
        return Err(format!("{unreferenced} bytes are unreferenced, {} unaccounted", package.unaccounted_bytes));
    }
    let rows = weights::rows(package);
    if rows.len() != package.model.weights.len() {
        return Err(format!("{} rows for {} weights", rows.len(), package.model.weights.len()));
    }
    for (row, weight) in rows.iter().zip(&package.model.weights) {
        let parts: u64 = weight.parts.iter().map(|part| part.bytes).fold(0, u64::saturating_add);
        if row.stored_bytes != parts {
            return Err(format!("{}: {} bytes in the row, {parts} in the parts", row.name, row.stored_bytes));
        }
        let in_file = weight.parts.iter().any(|part| matches!(part.place, Place::Blob { .. }));
        if row.file.is_some() && !in_file {
            return Err(format!("{}: in a file, but no part is", row.name));
        }
    }
    Ok(())
}
