//! Pictures with the channels last.

/// A batch of pictures, `[batch][rows][columns][channels]`; neighbouring pixels lie `pixel` elements apart, so that some
/// channels of a wider batch are pictures, too.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// The numbers.
    pub values: &'a [f32],
    /// Pictures.
    pub batch: usize,
    /// Rows of each.
    pub rows: usize,
    /// Columns of each.
    pub columns: usize,
    /// Channels of each pixel.
    pub channels: usize,
    /// Elements from one pixel to the next.
    pub pixel: usize,
}

impl<'a> View<'a> {
    /// Pictures of these sizes, `[batch, rows, columns, channels]`, without gaps.
    ///
    /// # Panics
    /// When there are fewer numbers.
    #[must_use]
    pub fn new(values: &'a [f32], [batch, rows, columns, channels]: [usize; 4]) -> Self {
        let view = Self { values, batch, rows, columns, channels, pixel: channels };
        view.check();
        view
    }

    /// Where a pixel's channels begin.
    #[must_use]
    pub fn at(&self, picture: usize, row: usize, column: usize) -> usize {
        ((picture * self.rows + row) * self.columns + column) * self.pixel
    }

    /// # Panics
    /// When there are fewer numbers than the sizes say: kernels rely on it.
    pub fn check(&self) {
        let pixels = self.batch * self.rows * self.columns;
        assert!(self.channels <= self.pixel, "the channels of pixels overlap");
        assert!(pixels == 0 || self.values.len() >= (pixels - 1) * self.pixel + self.channels, "pixels are missing");
    }
}

/// Elements that several threads write, each of them others.
#[derive(Debug, Clone, Copy)]
pub struct Cells {
    values: *mut f32,
    length: usize,
}

// SAFETY: `Cells::pointer`, the one way to the elements, obliges its callers to write disjoint ones.
unsafe impl Send for Cells {}
// SAFETY: as above.
unsafe impl Sync for Cells {}

impl Cells {
    /// The elements of a buffer.
    pub fn new(values: &mut [f32]) -> Self {
        Self { values: values.as_mut_ptr(), length: values.len() }
    }

    /// The address of an element.
    ///
    /// # Safety
    /// `count` elements from `offset` on must lie within the buffer, which must still be there, and nobody else may use
    /// them meanwhile.
    #[must_use]
    pub unsafe fn pointer(&self, offset: usize, count: usize) -> *mut f32 {
        debug_assert!(offset + count <= self.length);
        // SAFETY: the caller's.
        unsafe { self.values.add(offset) }
    }
}

/// Pictures as in [`View`], to be written by several threads.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// The numbers.
    pub cells: Cells,
    /// Pictures.
    pub batch: usize,
    /// Rows of each.
    pub rows: usize,
    /// Columns of each.
    pub columns: usize,
    /// Channels of each pixel.
    pub channels: usize,
    /// Elements from one pixel to the next.
    pub pixel: usize,
}

impl Target {
    /// Pictures of these sizes, `[batch, rows, columns, channels]`, pixels `pixel` elements apart.
    ///
    /// # Panics
    /// When there is less room.
    pub fn new(values: &mut [f32], [batch, rows, columns, channels]: [usize; 4], pixel: usize) -> Self {
        View { values, batch, rows, columns, channels, pixel }.check();
        Self { cells: Cells::new(values), batch, rows, columns, channels, pixel }
    }

    /// Where a pixel's channels begin.
    #[must_use]
    pub fn at(&self, picture: usize, row: usize, column: usize) -> usize {
        ((picture * self.rows + row) * self.columns + column) * self.pixel
    }
}

/// What follows a product before it is stored, in this order.
#[derive(Debug, Clone, Copy, Default)]
pub struct After<'a> {
    /// Factors, one a channel, filled up to whole panels; empty for none.
    pub scale: &'a [f32],
    /// Added, one a channel, filled up to whole panels; empty for none.
    pub bias: &'a [f32],
    /// Added; has the output's shape.
    pub residual: Option<View<'a>>,
    /// Values are limited to these, NaN stays NaN; a ReLU is 0 and infinity.
    pub limits: Option<(f32, f32)>,
}
