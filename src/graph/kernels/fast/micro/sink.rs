//! Where a kernel's sums go: into memory as they are, or finished into pixels of the output.

use super::{
    super::{
        after::Channels,
        image::{After, Target, View},
        lane::{LANE, Lane},
    },
    MOST_ROWS, WIDTH,
};

/// Takes the sums of a block, one half of the panel at a time.
///
/// The kernels hold sums in registers only if the compiler unrolls all loops over them: each loop in here does one thing.
pub(super) trait Sink<L: Lane>: Copy {
    /// Takes sums of the panel's first or second half; those of long rows come in pieces.
    ///
    /// # Safety
    /// The sink must have been made for so many rows, and the processor must have the lane's instructions.
    unsafe fn put<const ROWS: usize>(&self, half: usize, sums: [L; ROWS], is_first: bool);

    /// Takes the last piece.
    ///
    /// # Safety
    /// As [`Sink::put`].
    #[inline(always)]
    unsafe fn put_last<const ROWS: usize>(&self, half: usize, sums: [L; ROWS], is_first: bool) {
        // SAFETY: the caller's.
        unsafe { self.put(half, sums, is_first) }
    }
}

/// Rows of sums, `row` elements apart.
#[derive(Clone, Copy)]
pub(super) struct Rows {
    pub out: *mut f32,
    pub row: usize,
}

impl Rows {
    /// The sums with what is there already added.
    ///
    /// # Safety
    /// As [`Sink::put`].
    #[inline(always)]
    unsafe fn added<L: Lane, const ROWS: usize>(&self, half: usize, mut sums: [L; ROWS]) -> [L; ROWS] {
        for (row, sums) in sums.iter_mut().enumerate() {
            // SAFETY: the caller's.
            *sums = sums.add(unsafe { L::load(self.out.add(row * self.row + half * LANE)) });
        }
        sums
    }

    /// # Safety
    /// As [`Sink::put`].
    #[inline(always)]
    unsafe fn store<L: Lane, const ROWS: usize>(&self, half: usize, sums: [L; ROWS]) {
        for (row, sums) in sums.into_iter().enumerate() {
            // SAFETY: the caller's.
            unsafe { sums.store(self.out.add(row * self.row + half * LANE)) };
        }
    }
}

impl<L: Lane> Sink<L> for Rows {
    #[inline(always)]
    unsafe fn put<const ROWS: usize>(&self, half: usize, sums: [L; ROWS], is_first: bool) {
        // SAFETY: the caller's.
        unsafe { self.store(half, if is_first { sums } else { self.added(half, sums) }) }
    }
}

/// Sums on their way out, at lines of the cache.
#[repr(align(64))]
pub(super) struct Tile(pub [f32; MOST_ROWS * WIDTH]);

/// Which pixels and channels of the output rows of sums become.
#[derive(Clone, Copy)]
pub struct Place {
    /// The first pixel, counted through the rows and pictures of the output.
    pub pixel: usize,
    /// The first channel.
    pub channel: usize,
    /// How many channels, 32 at most.
    pub count: usize,
}

/// Whole panels of pixels of the output, after what follows the products.
#[derive(Clone, Copy)]
pub(super) struct Whole<L> {
    /// Where pieces of long rows are added up.
    tile: Rows,
    scale: [L; 2],
    bias: [L; 2],
    low: L,
    high: L,
    /// Null for none; is only read.
    residual: Rows,
    out: Rows,
}

impl<L: Lane> Whole<L> {
    /// For `rows` pixels with 32 channels.
    ///
    /// # Panics
    /// When factors, summands or the residual are too few.
    ///
    /// # Safety
    /// The output must have these channels of these pixels, and nobody else may use them; `tile` must have room for a
    /// block; the processor must have the lane's instructions.
    #[inline(always)]
    pub unsafe fn new(tile: *mut f32, rows: usize, place: Place, after: After, output: Target) -> Self {
        let Place { pixel, channel, count } = place;
        assert_eq!(count, WIDTH, "not a whole panel");
        let (low, high) = after.limits.unwrap_or((f32::NEG_INFINITY, f32::INFINITY));
        let residual = match after.residual {
            Some(View { values, pixel: step, .. }) => {
                let from = &values[pixel * step + channel..];
                assert!(from.len() >= (rows - 1) * step + WIDTH, "the residual has no such pixels");
                Rows { out: from.as_ptr().cast_mut(), row: step }
            }
            None => Rows { out: std::ptr::null_mut(), row: 0 },
        };
        // SAFETY: the caller's.
        unsafe {
            let first = output.cells.pointer(pixel * output.pixel + channel, (rows - 1) * output.pixel + WIDTH);
            Self {
                tile: Rows { out: tile, row: WIDTH },
                scale: lanes(after.scale, channel, 1.0),
                bias: lanes(after.bias, channel, 0.0),
                low: L::splat(low),
                high: L::splat(high),
                residual,
                out: Rows { out: first, row: output.pixel },
            }
        }
    }
}

/// Two lanes of values, one a channel, or of the one that stands for none.
///
/// # Safety
/// The processor must have the lane's instructions.
#[inline(always)]
unsafe fn lanes<L: Lane>(values: &[f32], channel: usize, none: f32) -> [L; 2] {
    if values.is_empty() {
        return [L::splat(none), L::splat(none)];
    }
    let values = &values[channel..channel + WIDTH];
    // SAFETY: so many are there.
    unsafe { [L::load(values.as_ptr()), L::load(values[LANE..].as_ptr())] }
}

impl<L: Lane> Sink<L> for Whole<L> {
    #[inline(always)]
    unsafe fn put<const ROWS: usize>(&self, half: usize, sums: [L; ROWS], is_first: bool) {
        // SAFETY: the caller's.
        unsafe { Sink::<L>::put(&self.tile, half, sums, is_first) }
    }

    /// As [`Channels::finish`].
    #[inline(always)]
    unsafe fn put_last<const ROWS: usize>(&self, half: usize, mut sums: [L; ROWS], is_first: bool) {
        // SAFETY: the caller's.
        unsafe {
            if !is_first {
                sums = self.tile.added(half, sums);
            }
            for sums in &mut sums {
                *sums = sums.mul_add(self.scale[half], self.bias[half]);
            }
            if !self.residual.out.is_null() {
                sums = self.residual.added(half, sums);
            }
            for sums in &mut sums {
                *sums = self.high.min(self.low.max(*sums));
            }
            self.out.store(half, sums);
        }
    }
}

/// What becomes of the sums in a tile, whole panels or not.
///
/// # Safety
/// The tile must hold `rows` rows, and `place` name no more channels than a panel has; the output must have these channels of these pixels, and nobody else may use them; the
/// processor must have the lane's instructions.
// Loops all through, without closures: a closure would be compiled for the processor's least instructions.
#[inline(always)]
pub(super) unsafe fn finish<L: Lane>(tile: &Tile, rows: usize, place: Place, after: After, output: Target) {
    for part in (0..place.count).step_by(LANE) {
        let channel = place.channel + part;
        let count = LANE.min(place.count - part);
        // SAFETY: the caller's.
        unsafe {
            let channels = Channels::<L>::new(after, channel, count);
            for row in 0..rows {
                let pixel = place.pixel + row;
                let value = channels.finish(L::load(tile.0.as_ptr().add(row * WIDTH + part)), pixel);
                value.store_some(output.cells.pointer(pixel * output.pixel + channel, count), count);
            }
        }
    }
}
