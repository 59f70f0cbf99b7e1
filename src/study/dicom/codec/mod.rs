//! Decoders of coded frames, a file or folder each; all give sample values before any colour conversion.

pub(super) mod jpeg;
pub(super) mod jpeg2000;
pub(super) mod jpegls;
pub(super) mod rle;

/// A decoded frame: samples interleaved, row-major.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Decoded {
    pub rows: usize,
    pub columns: usize,
    pub samples: usize,
    /// Bits of each sample.
    pub precision: u8,
    /// Each sample in its low `precision` bits (two's complement where the object is signed).
    pub values: Vec<u16>,
    /// What a reader should be told.
    pub note: Option<String>,
}

/// What the object's attributes say about a frame; a stream that disagrees is not decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Expected {
    pub rows: usize,
    pub columns: usize,
    pub samples: usize,
}

impl Expected {
    /// Checked before memory is taken for a stream's declared size.
    pub fn check(self, rows: usize, columns: usize, samples: usize) -> super::fault::Outcome<()> {
        if (rows, columns, samples) == (self.rows, self.columns, self.samples) {
            return Ok(());
        }
        Err(super::fault::Fault::damaged(format!(
            "its coded image is {rows} × {columns} with {samples} sample(s) and its attributes say {} × {} with {}",
            self.rows, self.columns, self.samples
        )))
    }
}
