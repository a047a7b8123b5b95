//! Writes zip archives as different tools do, for tests.

#![allow(dead_code, reason = "each test takes what it needs")]

/// How the bytes of an archive's files are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Packing {
    /// As they are.
    #[default]
    Stored,
    /// Compressed.
    Deflated,
    /// In turn one way and the other.
    Mixed,
}

/// Where the sizes of a file stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Sizes {
    /// Before its data.
    #[default]
    Before,
    /// After its data, as a streaming writer leaves them.
    After,
}

/// How wide sizes and offsets are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Width {
    /// 32 bits.
    #[default]
    Narrow,
    /// 64 bits, in extra fields.
    Zip64,
}

/// What an archive's writer did.
#[derive(Clone, Debug, Default)]
pub(crate) struct Form {
    /// How bytes are kept.
    pub(crate) packing: Packing,
    /// Where sizes stand.
    pub(crate) sizes: Sizes,
    /// How wide they are.
    pub(crate) width: Width,
    /// Bytes before the archive that its offsets do not count.
    pub(crate) stub: usize,
    /// What stands at its end.
    pub(crate) comment: Vec<u8>,
}

/// An archive of the files.
pub(crate) fn zip(files: &[(String, Vec<u8>)], form: Form) -> Vec<u8> {
    let wide = form.width == Width::Zip64;
    let streamed = form.sizes == Sizes::After;
    let narrow = |size: usize| if wide { u32::MAX } else { size as u32 };
    let mut out = vec![b'#'; form.stub];
    let mut directory = Vec::new();
    for (at, (name, bytes)) in files.iter().enumerate() {
        let header_at = out.len() - form.stub;
        let deflated = form.packing == Packing::Deflated || form.packing == Packing::Mixed && at % 2 == 0;
        let packed = if deflated { miniz_oxide::deflate::compress_to_vec(bytes, 6) } else { bytes.clone() };
        let flags = if streamed { 8_u16 } else { 0 };
        let method = if deflated { 8_u16 } else { 0 };
        let sizes = [crc32(bytes).to_le_bytes(), narrow(packed.len()).to_le_bytes(), narrow(bytes.len()).to_le_bytes()]
            .concat();
        let mut extra = Vec::new();
        if wide {
            extra.extend([1, 0, 24, 0]);
            for size in [bytes.len(), packed.len(), header_at] {
                extra.extend((size as u64).to_le_bytes());
            }
        }
        let kind = [flags.to_le_bytes(), method.to_le_bytes()].concat();
        out.extend(b"PK\x03\x04\x14\x00");
        out.extend(&kind);
        out.extend([0; 4]);
        out.extend(if streamed { &[0; 12] } else { sizes.as_slice() });
        out.extend((name.len() as u16).to_le_bytes());
        // The local extra field is longer than the directory's, as the Finder's is.
        out.extend(4_u16.to_le_bytes());
        out.extend(name.as_bytes());
        out.extend([0x55, 0x58, 0, 0]);
        out.extend(&packed);
        if streamed {
            out.extend(b"PK\x07\x08");
            out.extend(&sizes);
        }
        directory.extend(b"PK\x01\x02\x14\x03\x14\x00");
        directory.extend(&kind);
        directory.extend([0; 4]);
        directory.extend(&sizes);
        directory.extend((name.len() as u16).to_le_bytes());
        directory.extend((extra.len() as u16).to_le_bytes());
        directory.extend([0; 10]);
        directory.extend(narrow(header_at).to_le_bytes());
        directory.extend(name.as_bytes());
        directory.extend(extra);
    }
    let (start, n) = (out.len() - form.stub, files.len());
    out.extend(&directory);
    if wide {
        let wide_at = (out.len() - form.stub) as u64;
        out.extend(b"PK\x06\x06");
        out.extend(44_u64.to_le_bytes());
        out.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        for value in [n, n, directory.len(), start] {
            out.extend((value as u64).to_le_bytes());
        }
        out.extend(b"PK\x06\x07\0\0\0\0");
        out.extend(wide_at.to_le_bytes());
        out.extend(1_u32.to_le_bytes());
    }
    out.extend(b"PK\x05\x06\0\0\0\0");
    let count = if wide { u16::MAX } else { n as u16 };
    out.extend([count.to_le_bytes(), count.to_le_bytes()].concat());
    out.extend(narrow(directory.len()).to_le_bytes());
    out.extend(narrow(start).to_le_bytes());
    out.extend((form.comment.len() as u16).to_le_bytes());
    out.extend(&form.comment);
    out
}

/// The checksum of zip.
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}
