//! Rows of samples with room between them.

/// Samples from one row to the next are no power of two apart, since such rows would take each other's place in caches.
const PADDING: usize = 16;

/// A component's samples.
#[derive(Debug, Clone)]
pub(super) struct Plane<T> {
    pub columns: usize,
    pub rows: usize,
    samples: Vec<T>,
}

impl<T: Copy + Default> Plane<T> {
    pub fn new(columns: usize, rows: usize) -> Self {
        Plane { columns, rows, samples: vec![T::default(); (columns + PADDING) * rows] }
    }

    pub fn row(&self, row: usize) -> &[T] {
        &self.samples[row * (self.columns + PADDING)..][..self.columns]
    }

    pub fn row_mut(&mut self, row: usize) -> &mut [T] {
        &mut self.samples[row * (self.columns + PADDING)..][..self.columns]
    }
}
