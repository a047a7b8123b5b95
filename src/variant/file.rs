//! A weight file as it grows: what stands in it, what each blob costs, and where a piece goes.
//!
//! Core ML: arrays of ten elements or more are blobs, each behind a 64-byte record and aligned to 64 bytes; equal
//! constants of a hundred elements or more are stored once; the last blob is not padded. GGUF aligns tensors to 32 bytes;
//! safetensors does not align.

use super::{
    row::Row,
    stored::{Piece, Pieces, Site, Stored, StoredAs, StoredWeight, Touch},
};
use crate::units::{Bytes, Figure};

/// Arrays of at least this many elements go to the weight file (`should_use_weight_file`).
const BLOB_ELEMENTS: u64 = 10;
/// Equal constants of at least this many elements are stored once (`const_deduplication`).
const SHARED_ELEMENTS: u64 = 100;
/// Header of a weight file, record of a blob, and alignment of both.
pub(super) const ALIGN: u64 = 64;
/// `general.alignment` of GGUF.
pub(super) const GGUF_ALIGN: u64 = 32;

/// A weight file as it grows.
pub(super) struct File {
    align: u64,
    record: u64,
    weights: Vec<StoredWeight>,
    shared: Vec<u64>,
    pub(super) n_blobs: u64,
    payload: u64,
    padding: u64,
    last_padding: u64,
    pub(super) inline: u64,
}

impl File {
    pub(super) fn new(align: u64, n_rows: usize) -> Self {
        let record = if align == ALIGN { ALIGN } else { 0 };
        let weights = Vec::with_capacity(n_rows);
        Self {
            align,
            record,
            weights,
            shared: Vec::new(),
            n_blobs: 0,
            payload: 0,
            padding: 0,
            last_padding: 0,
            inline: 0,
        }
    }

    pub(super) fn push(&mut self, stored_as: StoredAs, pieces: Pieces, touch: Touch, row: &Row<'_>) {
        let bytes = self.count(&pieces, row.copies);
        let elements = row.elements.saturating_mul(row.copies);
        self.weights.push(StoredWeight { stored_as, pieces, bytes, elements, touch });
    }

    pub(super) fn push_computed(&mut self, row: &Row<'_>, touch: Touch) {
        self.push(StoredAs::Computed, Pieces::default(), touch, row);
    }

    /// Adds a row whose copies are stored in one of two ways.
    pub(super) fn push_parts(&mut self, row: &Row<'_>, parts: [(StoredAs, Pieces, u64); 2], touch: Touch) {
        let [first, second] = parts;
        let bytes = self.count(&first.1, first.2).saturating_add(self.count(&second.1, second.2));
        let (stored_as, pieces, _) = if second.2 > first.2 { second } else { first };
        let elements = row.elements.saturating_mul(row.copies);
        self.weights.push(StoredWeight { stored_as, pieces, bytes, elements, touch });
    }

    /// Counts the pieces of some copies and gives their bytes.
    fn count(&mut self, pieces: &Pieces, copies: u64) -> u64 {
        if copies == 0 {
            return 0;
        }
        let mut bytes: u64 = 0;
        for piece in [&pieces.data, &pieces.table, &pieces.scale, &pieces.offset, &pieces.mask] {
            let copies = match piece.site {
                Site::Absent => continue,
                Site::Inline => {
                    let inline = piece.bytes.saturating_mul(copies);
                    self.inline = self.inline.saturating_add(inline);
                    bytes = bytes.saturating_add(inline);
                    continue;
                }
                Site::Blob => copies,
                Site::Shared if self.shared.contains(&piece.bytes) => continue,
                Site::Shared => {
                    self.shared.push(piece.bytes);
                    1
                }
            };
            // The alignment is a power of two.
            self.last_padding = piece.bytes.wrapping_neg() & (self.align - 1);
            let stored = piece.bytes.saturating_mul(copies);
            self.payload = self.payload.saturating_add(stored);
            self.padding = self.padding.saturating_add(self.last_padding.saturating_mul(copies));
            self.n_blobs = self.n_blobs.saturating_add(copies);
            bytes = bytes.saturating_add(stored);
        }
        bytes
    }

    pub(super) fn finish(
        self,
        header: u64,
        spec: Figure<Bytes>,
        spec_added: Figure<Bytes>,
        manifest: u64,
        range: f64,
    ) -> Stored {
        // The last blob is not padded, and a package without blobs has no weight file.
        let padding = self.padding.saturating_sub(self.last_padding);
        let records = self.n_blobs.saturating_mul(self.record);
        let header = if self.n_blobs == 0 { 0 } else { header };
        let weight_file = self.payload.saturating_add(records).saturating_add(padding).saturating_add(header);
        let rest = Bytes::new(weight_file) + Bytes::new(manifest);
        let package = Figure::range(
            spec.value + rest,
            spec.low + rest - Bytes::new(self.payload) * range,
            spec.high + rest,
            spec.basis,
        );
        Stored {
            weights: self.weights,
            n_blobs: self.n_blobs,
            payload: self.payload,
            records,
            padding,
            header,
            weight_file,
            inline: self.inline,
            spec,
            spec_added,
            manifest,
            package,
        }
    }
}

/// Bytes of `elements` packed elements.
pub(super) fn packed(elements: u64, bits: u32) -> u64 {
    // Whole bytes and the rest apart, so that nothing overflows.
    let bits = u64::from(bits);
    (elements / 8).saturating_mul(bits).saturating_add((elements % 8 * bits).div_ceil(8))
}

/// A piece of a Core ML program: in the weight file when it has enough elements.
pub(super) fn piece(elements: u64, bytes: u64) -> Piece {
    Piece { bytes, site: if elements >= BLOB_ELEMENTS { Site::Blob } else { Site::Inline } }
}

/// A piece that is all zeros: stored once when it has enough elements.
pub(super) fn shared_piece(elements: u64, bytes: u64) -> Piece {
    if elements >= SHARED_ELEMENTS { Piece { bytes, site: Site::Shared } } else { piece(elements, bytes) }
}

/// A piece of a file without inline values.
pub(super) fn plain(bytes: u64) -> Piece {
    Piece { bytes, site: Site::Blob }
}
