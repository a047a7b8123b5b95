//! Weight files: which bytes of them the specification refers to.
//!
//! Sizes and types of weights come from the specification; of the file itself only the 64-byte header and the 64-byte
//! record of each blob are read, and those only where reading from the middle is cheap. What the file says differently
//! becomes a warning, what nothing refers to becomes unaccounted bytes. Absent on purpose: the weights themselves.

use std::collections::BTreeMap;

use super::{
    files::{File, Notes, folder, lfs_pointer},
    zip::{u32_at, u64_at},
};
use crate::model::{DType, TensorType};

/// Size of the file's header, of a record, and what both are aligned to.
const UNIT: u64 = 64;
/// Different names of weight files that are looked up.
const NAMES_MAX: usize = 1000;
const SENTINEL: u32 = 0xDEAD_BEEF;

/// Where a blob is and how large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Blob {
    /// Index into the artefact's files; past their end for a file that is not there.
    pub(super) file: u32,
    /// Offset of its record.
    pub(super) offset: u64,
    /// Bytes of its data.
    pub(super) bytes: u64,
}

/// The weight files of one artefact.
pub(super) struct Blobs<'a> {
    files: &'a [File],
    spec_folder: String,
    by_name: Vec<(String, u32)>,
    /// By file; there are hardly ever more than two.
    opened: Vec<(u32, WeightFile)>,
    n_missing: u32,
}

/// What is known of one weight file.
struct WeightFile {
    /// How far its contents can be relied on.
    state: State,
    /// Blobs the header announces.
    count: Option<u32>,
    /// Start of each blob's record, and the ends of record and data.
    used: BTreeMap<u64, Extent>,
    /// Records that said what the specification says, in a row since the start.
    agreed: usize,
    /// Records that were asked for.
    asked: usize,
    /// Whether a record disagreed: then every further one is read, whatever it costs.
    is_odd: bool,
}

/// Where reads are dear, so many records are read first, and then one of so many, as long as all agree.
const DEAR_FIRST: usize = 4;
const DEAR_EVERY: usize = 64;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// It is a weight file and its records can be read.
    Checked,
    /// Its records are not read: they are deflated, or of another version.
    Unchecked,
    /// It is no weight file; one warning says so.
    Foreign,
}

/// A stretch of a weight file that something accounts for.
pub(super) enum Stretch {
    /// The file's header or a record.
    Header(u64),
    /// The data of the blob whose record is at that offset.
    Data {
        /// Offset of the record.
        offset: u64,
        /// Bytes that no stretch before covers.
        bytes: u64,
    },
    /// Up to the next multiple of 64.
    Padding(u64),
}

impl Stretch {
    fn bytes(&self) -> u64 {
        match self {
            Self::Header(bytes) | Self::Padding(bytes) | Self::Data { bytes, .. } => *bytes,
        }
    }
}

#[derive(Clone, Copy)]
struct Extent {
    bytes: u64,
    data: u64,
    end: u64,
}

impl<'a> Blobs<'a> {
    /// `files` are those of the artefact; `spec` is the path of the specification among them.
    pub(super) fn new(files: &'a [File], spec: &str) -> Self {
        let spec_folder = folder(spec).to_owned();
        Self { files, spec_folder, by_name: Vec::new(), opened: Vec::new(), n_missing: 0 }
    }

    /// From here on, names are seen from the folder of another specification of the same artefact.
    pub(super) fn start_from(&mut self, spec: &str) {
        folder(spec).clone_into(&mut self.spec_folder);
        self.by_name.clear();
    }

    /// The blob that a constant of type `ty` refers to.
    pub(super) fn refer(&mut self, name: &str, offset: u64, ty: Option<&TensorType>, notes: &mut Notes) -> Blob {
        let file = match self.by_name.iter().rev().find(|(known, _)| known == name) {
            Some((_, file)) => *file,
            // Names come from files: so many are no package, and looking through them takes time.
            None if self.by_name.len() >= NAMES_MAX => u32::MAX,
            None => {
                let file = self.open(name, notes);
                self.by_name.push((name.to_owned(), file));
                file
            }
        };
        let expected = ty.map(TensorType::bytes).filter(|bytes| *bytes > 0);
        let (Some(entry), Some((_, weights))) =
            (self.files.get(file as usize), self.opened.iter_mut().find(|(at, _)| *at == file))
        else {
            return Blob { file, offset, bytes: expected.unwrap_or(0) };
        };
        if let Some(known) = weights.used.get(&offset) {
            return Blob { file, offset, bytes: known.bytes };
        }
        let dtype = ty.map_or(DType::Unknown, |ty| ty.dtype);
        let extent = weights.extent(entry, offset, expected, dtype, notes);
        let bytes = extent.map_or(expected.unwrap_or(0), |extent| extent.bytes);
        if let Some(extent) = extent {
            weights.used.insert(offset, extent);
        }
        Blob { file, offset, bytes }
    }

    fn open(&mut self, name: &str, notes: &mut Notes) -> u32 {
        let path = resolve(&self.spec_folder, name);
        let found = path.as_ref().and_then(|path| self.files.iter().position(|file| file.path == *path));
        let Some(at) = found else {
            match path {
                Some(_) if self.files.len() <= 1 => {
                    notes.add(name, "the weights are in another file: give the whole package for a full check");
                }
                Some(_) => notes.add(name, "the weight file is not there: sizes are what the specification says"),
                None => notes.add(name, "the path of the weight file leads out of the package; it is not followed"),
            }
            self.n_missing += 1;
            return self.files.len() as u32 + self.n_missing - 1;
        };
        if let Some(file) = self.files.get(at)
            && !self.is_used(at)
        {
            self.opened.push((at as u32, WeightFile::open(file, notes)));
        }
        at as u32
    }

    /// Whether a file is one that the specification refers to.
    pub(super) fn is_used(&self, file: usize) -> bool {
        self.opened.iter().any(|(at, _)| *at as usize == file)
    }

    /// What the references cover of a file, in file order.
    pub(super) fn stretches(&self, file: usize) -> Vec<Stretch> {
        let opened = self.opened.iter().find(|(at, _)| *at as usize == file);
        let len = self.files.get(file).map_or(0, |file| file.source.len());
        opened.map(|(_, weights)| weights.stretches(len)).unwrap_or_default()
    }

    /// Says what is odd about the weight files as a whole.
    pub(super) fn check_coverage(&self, notes: &mut Notes) {
        for (at, weights) in &self.opened {
            let Some(file) = self.files.get(*at as usize) else { continue };
            let len = file.source.len();
            let mut last_end = 0;
            for (offset, extent) in &weights.used {
                if *offset < last_end {
                    notes.add(&file.path, format!("the blob at offset {offset:#x} overlaps the one before it"));
                }
                last_end = last_end.max(extent.end);
            }
            let covered: u64 = weights.stretches(len).iter().map(Stretch::bytes).sum();
            let rest = len.saturating_sub(covered);
            if let Some(count) = weights.count
                && count as usize != weights.used.len()
            {
                let used = weights.used.len();
                let text = format!("the weight file announces {count} blobs, the specification refers to {used}");
                notes.add(&file.path, text);
            }
            if rest > 0 {
                notes.add(&file.path, format!("{rest} bytes of the weight file are not referred to"));
            }
        }
    }
}

impl WeightFile {
    /// The header, then every record with its data up to the next multiple of 64; what overlaps counts once.
    fn stretches(&self, len: u64) -> Vec<Stretch> {
        let mut all = Vec::with_capacity(self.used.len() * 3 + 1);
        let header = if self.state == State::Foreign { 0 } else { UNIT.min(len) };
        all.push(Stretch::Header(header));
        let mut reached = header;
        for (offset, extent) in &self.used {
            let mut upto = |from: u64, to: u64| {
                let to = to.min(len);
                let bytes = to.saturating_sub(from.max(reached));
                reached = reached.max(to);
                bytes
            };
            all.push(Stretch::Header(upto(*offset, offset + UNIT)));
            all.push(Stretch::Data { offset: *offset, bytes: upto(extent.data, extent.end) });
            all.push(Stretch::Padding(upto(extent.end, extent.end.checked_next_multiple_of(UNIT).unwrap_or(len))));
        }
        all
    }

    fn open(file: &File, notes: &mut Notes) -> Self {
        let mut found =
            Self { state: State::Unchecked, count: None, used: BTreeMap::new(), agreed: 0, asked: 0, is_odd: false };
        if file.source.is_sequential() {
            return found;
        }
        if let Some(size) = lfs_pointer(file.source.as_ref()) {
            let text = format!("this is a Git LFS pointer to {size} bytes, not the weights: run `git lfs pull`");
            notes.add(&file.path, text);
            found.state = State::Foreign;
            return found;
        }
        let mut header = [0; UNIT as usize];
        if let Err(why) = file.source.read_at(0, &mut header) {
            let text = if file.source.len() < UNIT { "the weight file has no header".to_owned() } else { why };
            notes.add(&file.path, text);
            found.state = State::Foreign;
            return found;
        }
        let version = u32_at(&header, 4);
        if version != 2 {
            notes.add(&file.path, format!("the weight file has version {version}, not 2; its blobs are not checked"));
            return found;
        }
        found.state = State::Checked;
        found.count = Some(u32_at(&header, 0));
        found
    }

    /// Where a blob's data lies; `None` when it is not inside the file.
    fn extent(
        &mut self,
        file: &File,
        offset: u64,
        expected: Option<u64>,
        dtype: DType,
        notes: &mut Notes,
    ) -> Option<Extent> {
        if self.state == State::Foreign {
            return None;
        }
        let len = file.source.len();
        let mut odd = |text: String| notes.add(&file.path, format!("the blob at offset {offset:#x} {text}"));
        if offset < UNIT || !offset.is_multiple_of(UNIT) {
            odd("is not at a multiple of 64 after the header".to_owned());
        }
        let data = offset.checked_add(UNIT);
        let planned = data.and_then(|data| Some((data, data.checked_add(expected?)?)));
        let Some(data) = data.filter(|data| *data <= len && offset >= UNIT) else {
            odd("is outside of the file".to_owned());
            return None;
        };
        if self.state == State::Unchecked {
            return match planned {
                Some((data, end)) if end <= len => Some(Extent { bytes: end - data, data, end }),
                _ => {
                    odd("reaches past the end of the file".to_owned());
                    None
                }
            };
        }
        self.asked += 1;
        if let Some((data, end)) = planned
            && end <= len
            && file.source.is_dear()
            && !self.is_odd
            && self.agreed >= DEAR_FIRST
            && !self.asked.is_multiple_of(DEAR_EVERY)
        {
            return Some(Extent { bytes: end - data, data, end });
        }
        let is_odd = std::mem::replace(&mut self.is_odd, true);
        let mut record = [0; UNIT as usize];
        if let Err(why) = file.source.read_at(offset, &mut record) {
            odd(format!("cannot be read: {why}"));
            return None;
        }
        if u32_at(&record, 0) != SENTINEL {
            odd("has no record: the file is damaged or belongs to another model".to_owned());
            return planned.filter(|(_, end)| *end <= len).map(|(data, end)| Extent { bytes: end - data, data, end });
        }
        let (bytes, stated) = (u64_at(&record, 8), u64_at(&record, 16));
        let Some(end) = stated.checked_add(bytes).filter(|end| *end <= len && stated >= data) else {
            odd("reaches past the end of the file".to_owned());
            return None;
        };
        let mut agrees = planned == Some((stated, end));
        match blob_dtype(u32_at(&record, 4)) {
            None => {
                odd(format!("has the unknown type {}", u32_at(&record, 4)));
                agrees = false;
            }
            Some(stored) if stored != dtype && dtype != DType::Unknown && dtype != DType::Bool => {
                odd(format!("holds {}, the specification says {}", stored.name(), dtype.name()));
                agrees = false;
            }
            Some(_) => {}
        }
        if let Some(expected) = expected
            && expected != bytes
        {
            odd(format!("holds {bytes} bytes, the specification says {expected}"));
        }
        self.is_odd = is_odd || !agrees;
        self.agreed += usize::from(agrees);
        Some(Extent { bytes, data: stated, end })
    }
}

/// The element type of a blob; its numbering is not that of the specification.
fn blob_dtype(number: u32) -> Option<DType> {
    Some(match number {
        1 => DType::Fp16,
        2 => DType::Fp32,
        3 => DType::UInt8,
        4 => DType::Int8,
        5 => DType::Bf16,
        6 => DType::Int16,
        7 => DType::UInt16,
        8 => DType::Int4,
        9 => DType::UInt1,
        10 => DType::UInt2,
        11 => DType::UInt4,
        12 => DType::UInt3,
        13 => DType::UInt6,
        14 => DType::Int32,
        15 => DType::UInt32,
        16 => DType::Fp8E4M3,
        17 => DType::Fp8E5M2,
        _ => return None,
    })
}

/// A blob's file name as a path of the artefact; `None` when it leads out of it.
fn resolve(spec_folder: &str, name: &str) -> Option<String> {
    let rest = name.strip_prefix("@model_path/")?;
    if rest.contains(['\\', '\0', ':']) {
        return None;
    }
    let mut parts: Vec<&str> = spec_folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in rest.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, rc::Rc};

    use super::*;
    use crate::format::RangeSource;

    fn check(name: &str, expected: Option<&str>) {
        assert_eq!(resolve("Data/com.apple.CoreML", name).as_deref(), expected, "{name}");
    }

    #[test]
    fn a_blob_file_name_stays_inside_the_package() {
        check("@model_path/weights/weight.bin", Some("Data/com.apple.CoreML/weights/weight.bin"));
        check("@model_path/../weights/w.bin", Some("Data/weights/w.bin"));
        check("@model_path/../../../etc/passwd", None);
        check("/etc/passwd", None);
        check("weights/weight.bin", None);
    }

    /// A weight file of a hundred FP16 blobs of 64 bytes; the `wrong` one has no record.
    struct Dear {
        bytes: Vec<u8>,
        reads: Rc<Cell<usize>>,
    }

    impl Dear {
        fn new(wrong: Option<usize>) -> (Self, Rc<Cell<usize>>) {
            let mut bytes = vec![0; 64];
            bytes[0] = 100;
            bytes[4] = 2;
            for idx in 0..100 {
                let mut record = [0; 128];
                let sentinel = if wrong == Some(idx) { 0 } else { SENTINEL };
                record[..4].copy_from_slice(&sentinel.to_le_bytes());
                record[4] = 1;
                record[8] = 64;
                record[16..24].copy_from_slice(&(bytes.len() as u64 + 64).to_le_bytes());
                bytes.extend(record);
            }
            let reads = Rc::new(Cell::new(0));
            (Self { bytes, reads: reads.clone() }, reads)
        }
    }

    impl RangeSource for Dear {
        fn len(&self) -> u64 {
            self.bytes.len() as u64
        }
        fn is_dear(&self) -> bool {
            true
        }
        fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), String> {
            self.reads.set(self.reads.get() + 1);
            into.copy_from_slice(&self.bytes[offset as usize..offset as usize + into.len()]);
            Ok(())
        }
    }

    /// How many reads a hundred blobs take, and how many warnings.
    fn look(wrong: Option<usize>) -> (usize, usize) {
        let (source, reads) = Dear::new(wrong);
        let file = File { path: "weight.bin".to_owned(), source: Rc::new(source) };
        let mut notes = Notes::default();
        let mut weights = WeightFile::open(&file, &mut notes);
        let mut n_warned = 0;
        for idx in 0..100 {
            let mut own = Notes::default();
            let extent = weights.extent(&file, 64 + idx * 128, Some(64), DType::Fp16, &mut own);
            assert_eq!(extent.map(|extent| extent.bytes), Some(64));
            n_warned += own.finish().len();
        }
        (reads.get(), n_warned)
    }

    #[test]
    fn of_a_hundred_dear_records_that_agree_a_few_are_read() {
        let (n_reads, n_warned) = look(None);
        assert!((DEAR_FIRST..20).contains(&n_reads), "{n_reads}");
        assert_eq!(n_warned, 0);
    }

    #[test]
    fn one_dear_record_that_disagrees_has_all_that_follow_read() {
        let (n_reads, n_warned) = look(Some(3));
        assert!(n_reads >= 100, "{n_reads}");
        assert_eq!(n_warned, 1);
    }
}
