//! What each byte of an artefact is for: rows by file that sum to the file's size.
//!
//! Weight files are told apart by the extents that the specification refers to, the specification by what its messages
//! are for. Invariant: the rows of a file sum to its length exactly, and [`ByteKind::Unreferenced`] is what nothing
//! accounts for. Absent on purpose: warnings, which the readers give where they find something odd.

use std::collections::HashMap;

use super::{
    ByteKind, ByteRow,
    blob::{Blobs, Stretch},
    files::{File, base_name},
};
use crate::model::{Model, PartRole, Place};

/// What is known of the one specification of a package or `.mlmodel`.
pub(super) struct Told<'a> {
    /// Its path.
    pub(super) path: &'a str,
    /// Bytes of its description of inputs, outputs and metadata.
    pub(super) description: u64,
    /// Whether its body is a graph, or what another kind of model has learned.
    pub(super) is_graph: bool,
}

/// What the readers know of the files beside the model.
pub(super) struct Known<'a> {
    /// The specification, when there is one file of it.
    pub(super) spec: Option<Told<'a>>,
    /// Files that nothing refers to, by index, in order.
    pub(super) unreferenced: Vec<usize>,
    /// Bytes of weight files of compiled networks that nothing refers to, together.
    pub(super) loose: u64,
}

/// The rows of all files, in their order.
pub(super) fn rows(files: &[File], model: &Model, blobs: &Blobs<'_>, known: &Known<'_>) -> Vec<ByteRow> {
    let roles = Roles::of(model);
    let mut rows = Vec::new();
    let mut loose = known.loose;
    for (at, file) in files.iter().enumerate() {
        let mut own = Rows { file: at as u32, left: file.source.len(), rows: &mut rows };
        let spec = known.spec.as_ref().filter(|spec| spec.path == file.path);
        if blobs.is_used(at) {
            for stretch in blobs.stretches(at) {
                match stretch {
                    Stretch::Header(bytes) => own.add(ByteKind::Headers, bytes),
                    Stretch::Data { offset, bytes } => own.add(roles.at(at as u32, offset), bytes),
                    Stretch::Padding(bytes) => own.add(ByteKind::Padding, bytes),
                }
            }
            own.rest(ByteKind::Unreferenced);
        } else if let Some(spec) = spec {
            own.add(ByteKind::Description, spec.description);
            for (kind, bytes) in roles.inline {
                own.add(kind, bytes);
            }
            own.rest(if spec.is_graph { ByteKind::Graph } else { ByteKind::Learned });
        } else if known.unreferenced.binary_search(&at).is_ok() {
            own.rest(ByteKind::Unreferenced);
        } else if file.path.ends_with(".espresso.weights") {
            let unreferenced = loose.min(own.left);
            loose -= unreferenced;
            own.add(ByteKind::Unreferenced, unreferenced);
            for (kind, bytes) in roles.in_file(at as u32) {
                own.add(kind, bytes);
            }
            own.rest(ByteKind::Headers);
        } else {
            own.rest(by_name(&file.path));
        }
    }
    rows
}

/// Bytes that nothing accounts for.
pub(super) fn unaccounted(rows: &[ByteRow]) -> u64 {
    rows.iter().filter(|row| row.kind == ByteKind::Unreferenced).map(|row| row.bytes).fold(0, u64::saturating_add)
}

fn by_name(path: &str) -> ByteKind {
    let name = base_name(path);
    let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    if name == "Manifest.json" {
        ByteKind::Manifest
    } else if ends(&[".mil", ".espresso.net", ".espresso.shape", ".mlmodel"]) {
        ByteKind::Graph
    } else if name == "coremldata.bin" && !path.contains("analytics") {
        ByteKind::Description
    } else {
        ByteKind::Metadata
    }
}

/// The rows of one file; nothing can be added beyond its length.
struct Rows<'a> {
    file: u32,
    left: u64,
    rows: &'a mut Vec<ByteRow>,
}

impl Rows<'_> {
    fn add(&mut self, kind: ByteKind, bytes: u64) {
        let bytes = bytes.min(self.left);
        if bytes == 0 {
            return;
        }
        self.left -= bytes;
        let file = self.file;
        match self.rows.iter_mut().rev().take_while(|row| row.file == file).find(|row| row.kind == kind) {
            Some(row) => row.bytes += bytes,
            None => self.rows.push(ByteRow { file, kind, bytes }),
        }
    }

    fn rest(&mut self, kind: ByteKind) {
        self.add(kind, self.left);
    }
}

/// What the parts of the weights are for, by where they are.
struct Roles {
    by_place: HashMap<(u32, u64), (ByteKind, u64)>,
    /// Parts in the specification itself, by kind.
    inline: [(ByteKind, u64); 5],
}

fn kind_of(role: PartRole) -> ByteKind {
    match role {
        PartRole::Data => ByteKind::Values,
        PartRole::Table => ByteKind::Tables,
        PartRole::Scale => ByteKind::Scales,
        PartRole::Offset => ByteKind::Offsets,
        PartRole::Mask => ByteKind::Masks,
    }
}

impl Roles {
    fn of(model: &Model) -> Self {
        let every = [PartRole::Data, PartRole::Table, PartRole::Scale, PartRole::Offset, PartRole::Mask];
        let mut roles = Self { by_place: HashMap::new(), inline: every.map(|role| (kind_of(role), 0)) };
        for part in model.weights.iter().flat_map(|weight| &weight.parts) {
            let kind = kind_of(part.role);
            match part.place {
                // Two weights may share a blob: it counts for the first of them.
                Place::Blob { file, offset } => {
                    roles.by_place.entry((file, offset)).or_insert((kind, part.bytes));
                }
                Place::Inline => {
                    if let Some((_, bytes)) = roles.inline.iter_mut().find(|(own, _)| *own == kind) {
                        *bytes = bytes.saturating_add(part.bytes);
                    }
                }
                Place::Planned => {}
            }
        }
        roles
    }

    fn at(&self, file: u32, offset: u64) -> ByteKind {
        self.by_place.get(&(file, offset)).map_or(ByteKind::Values, |(kind, _)| *kind)
    }

    fn in_file(&self, file: u32) -> impl Iterator<Item = (ByteKind, u64)> {
        self.by_place.iter().filter(move |((own, _), _)| *own == file).map(|(_, row)| *row)
    }
}
