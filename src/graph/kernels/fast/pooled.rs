//! Convolution whose output only a maximum pooling takes: it is pooled while it is near, row by row as it is computed or
//! some pictures after the other, and goes nowhere else.

use std::{cell::RefCell, ops::Range};

use super::{
    super::each::each,
    Isa,
    direct::{Panels, Row, Window},
    image::{After, Target, View},
    reach::{Reach, Rows},
};
use crate::graph::{Control, ops::MaxPool2d};

/// Buffers of one thread, kept from run to run.
#[derive(Default)]
struct Scratch {
    /// The convolution's last rows, as many as a window of the pooling has; row `y` is at `y` modulo that.
    rows: Vec<f32>,
    /// A row of the output.
    pooled: Vec<f32>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Whether this pooling of the convolution's `[rows, columns]` can be done row by row: few rows are seen by several windows,
/// and all weights stay near while row after row is computed.
pub fn suits(weights: &Panels, window: Window, pool: &MaxPool2d, size: [usize; 2]) -> bool {
    let apart = pool.kernel[0] <= 2 * pool.stride[0];
    apart && can_be_pooled(pool) && weights.by_rows(window, size[1])
}

/// Convolves to `size`, rows and columns, and pools that to the output. A cancelled run leaves part of the output as it
/// was.
///
/// # Panics
/// When sizes do not fit each other, or the pooling does not suit.
#[expect(clippy::too_many_arguments, reason = "each is a thing of its own")]
pub fn convolve(
    isa: Isa,
    input: View,
    weights: &Panels,
    window: Window,
    after: After,
    size: [usize; 2],
    pool: &MaxPool2d,
    output: Target,
    control: &Control,
) {
    assert!(suits(weights, window, pool, size) && after.residual.is_none(), "not to be pooled row by row");
    window.check(&input, [output.batch, size[0], size[1]]);
    assert_eq!(Ok([output.rows, output.columns]), pool.output(size), "an output of another size");
    let pooling = Pooling::new(isa, pool, size, output);
    let job = Job { row: Row::new(isa, input, weights, window, after), pooling: &pooling };
    // Where pictures are few, several pieces of each; neighbouring ones compute the rows twice that both see.
    let pieces = (2 * rayon::current_num_threads()).div_ceil(output.batch.max(1)).clamp(1, output.rows.max(1));
    let length = output.rows.div_ceil(pieces).max(1);
    let pieces = output.rows.div_ceil(length);
    each(0..output.batch * pieces, |index| {
        let first = index % pieces * length;
        job.piece(index / pieces, first..(first + length).min(output.rows), control);
    });
}

/// Pools pictures that have been convolved to those of the output from `first` on. A cancelled run leaves part of the
/// output as it was.
///
/// # Panics
/// When sizes do not fit each other.
pub fn pool(isa: Isa, input: View, pool: &MaxPool2d, first: usize, output: Target, control: &Control) {
    input.check();
    let size = [input.rows, input.columns];
    assert!(can_be_pooled(pool), "a window that sees nothing, or with gaps");
    assert_eq!(Ok([output.rows, output.columns]), pool.output(size), "an output of another size");
    assert!(input.pixel == input.channels && input.channels == output.channels, "other channels");
    assert!(first + input.batch <= output.batch, "pictures that the output does not have");
    let pooling = Pooling::new(isa, pool, size, output);
    each(0..input.batch * output.rows, |index| {
        if control.is_cancelled() {
            return;
        }
        let (picture, row) = (index / output.rows, index % output.rows);
        let values = &input.values[input.at(picture, 0, 0)..];
        SCRATCH.with_borrow_mut(|scratch| {
            pooling.pool(row, values, size[0], &mut scratch.pooled);
            pooling.put(first + picture, row, &scratch.pooled);
        });
    });
}

/// One pooling.
struct Pooling<'a> {
    isa: Isa,
    pool: &'a MaxPool2d,
    /// Rows and columns of what is pooled.
    size: [usize; 2],
    output: Target,
    /// What each row and column of the output sees.
    reached: [Vec<Reach>; 2],
}

impl<'a> Pooling<'a> {
    fn new(isa: Isa, pool: &'a MaxPool2d, size: [usize; 2], output: Target) -> Self {
        let reached = [(0, output.rows), (1, output.columns)];
        let reached = reached.map(|(axis, windows)| Reach::along(pool, axis, windows, size[axis]));
        Self { isa, pool, size, output, reached }
    }

    /// Which rows a row of the output sees; its windows have no gaps.
    fn seen(&self, row: usize) -> Range<usize> {
        let Reach { places, first } = &self.reached[0][row];
        *first..first + places.len()
    }

    /// The largest values in the windows of a row of the output; of `values` so many rows are kept, row `y` at `y` modulo
    /// that.
    fn pool(&self, row: usize, values: &[f32], kept: usize, pooled: &mut Vec<f32>) {
        let channels = self.output.channels;
        pooled.resize(self.output.columns * channels, 0.0);
        let rows = Rows { values, kept, width: self.size[1], channels };
        rows.largest(self.isa, self.pool, &self.reached[0][row], &self.reached[1], pooled);
    }

    fn put(&self, picture: usize, row: usize, pooled: &[f32]) {
        let output = self.output;
        for (column, pixel) in pooled.chunks_exact(output.channels.max(1)).enumerate() {
            // SAFETY: each row of the output is put once, and owns these channels of its pixels.
            unsafe {
                let to = output.cells.pointer(output.at(picture, row, column), pixel.len());
                to.copy_from_nonoverlapping(pixel.as_ptr(), pixel.len());
            }
        }
    }
}

/// Whether [`pool`] can do it: all windows see something, and without gaps.
pub fn can_be_pooled(pool: &MaxPool2d) -> bool {
    let sees = (0..2).all(|axis| pool.padding[axis].max(pool.padding_end[axis]) < pool.kernel[axis]);
    sees && pool.dilation == [1, 1]
}

/// One convolution and pooling.
struct Job<'a> {
    row: Row<'a>,
    pooling: &'a Pooling<'a>,
}

impl Job<'_> {
    /// Some rows of a picture's output.
    fn piece(&self, picture: usize, rows: Range<usize>, control: &Control) {
        let Pooling { pool, size, output, .. } = *self.pooling;
        let (kept, channels) = (pool.kernel[0], output.channels);
        SCRATCH.with_borrow_mut(|scratch| {
            scratch.rows.resize(kept * size[1] * channels, 0.0);
            let mut next = 0;
            for row in rows {
                let seen = self.pooling.seen(row);
                next = next.max(seen.start);
                while next < seen.end {
                    if control.is_cancelled() {
                        return;
                    }
                    let to = Target::new(&mut scratch.rows, [1, kept, size[1], channels], channels);
                    // SAFETY: this thread alone has the buffer, in which the row has a place.
                    unsafe { self.row.compute([picture, next], size[1], to, next % kept * size[1]) };
                    next += 1;
                }
                self.pooling.pool(row, &scratch.rows, kept, &mut scratch.pooled);
                self.pooling.put(picture, row, &scratch.pooled);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{direct, tests::noise},
        *,
    };

    /// Numbers `[batch, rows, columns, channels]` pooled one window after the other.
    fn plainly(values: &[f32], [batch, rows, columns, channels]: [usize; 4], pool: &MaxPool2d) -> Vec<f32> {
        let [down, across] = pool.output([rows, columns]).unwrap();
        let mut out = Vec::new();
        for picture in 0..batch {
            for place in 0..down * across {
                let (row, column) = (place / across * pool.stride[0], place % across * pool.stride[1]);
                for channel in 0..channels {
                    let seen = (0..pool.kernel[0] * pool.kernel[1]).filter_map(|tap| {
                        let y = (row + tap / pool.kernel[1]).checked_sub(pool.padding[0]).filter(|y| *y < rows)?;
                        let x =
                            (column + tap % pool.kernel[1]).checked_sub(pool.padding[1]).filter(|x| *x < columns)?;
                        Some(values[((picture * rows + y) * columns + x) * channels + channel])
                    });
                    out.push(seen.fold(f32::NEG_INFINITY, |a, b| if a.is_nan() || a > b { a } else { b }));
                }
            }
        }
        out
    }

    /// Convolved to a picture and pooled from it are the same numbers, whatever the windows, and so is a NaN.
    #[test]
    fn rows_pooled_at_once_are_those_pooled_later() {
        for (batch, [rows, columns], [kernel, step], [inputs, outputs], pool) in [
            (1, [45, 53], [7, 2], [3, 64], MaxPool2d::square(3, 2, 1, false)),
            (3, [45, 53], [3, 2], [3, 40], MaxPool2d::square(3, 2, 0, true)),
            (9, [30, 29], [3, 1], [5, 33], MaxPool2d::square(2, 2, 0, false)),
            (2, [45, 53], [1, 2], [4, 7], MaxPool2d::square(2, 3, 1, true)),
            (1, [20, 21], [4, 1], [2, 32], MaxPool2d::new([4, 1], [2, 2]).padding([3, 0], [2, 0])),
            // Windows cut off on the left, on the right and on both sides, next to each other.
            (1, [14, 14], [3, 1], [2, 8], MaxPool2d::new([2, 12], [1, 2]).padding([1, 1], [1, 1])),
            (2, [14, 14], [3, 1], [2, 8], MaxPool2d::new([2, 40], [1, 3]).padding([0, 39], [0, 39])),
        ] {
            let window = Window { kernel: [kernel; 2], stride: [step; 2], dilation: [1, 1] };
            let size = [rows, columns].map(|side| (side - kernel) / step + 1);
            let mut input = noise(batch * rows * columns * inputs, 1);
            if columns > 20 {
                input[rows * columns / 2 * inputs] = f32::NAN;
            }
            let view = View::new(&input, [batch, rows, columns, inputs]);
            let taps = kernel * kernel * inputs;
            let weight = noise(taps * outputs, 2);
            let weights = Panels::new(1, taps, outputs, |output, place| weight[output * taps + place]);
            let bias = noise(outputs.next_multiple_of(32), 3);
            let after = After { bias: &bias, limits: Some((-0.1, 1e6)), ..After::default() };
            assert!(suits(&weights, window, &pool, size), "{pool:?}");
            let pooled = pool.output(size).unwrap();
            for isa in Isa::all() {
                let shape = [batch, size[0], size[1], outputs];
                let mut whole = vec![f32::MAX; shape.iter().product()];
                let target = Target::new(&mut whole, shape, outputs);
                direct::convolve(isa, view, &weights, window, after, target, &Control::default());
                let expected = plainly(&whole, shape, &pool);
                let mut later = vec![f32::MAX; (batch + 1) * pooled[0] * pooled[1] * outputs];
                let target = Target::new(&mut later, [batch + 1, pooled[0], pooled[1], outputs], outputs);
                super::pool(isa, View::new(&whole, shape), &pool, 1, target, &Control::default());
                let (before, later) = later.split_at(pooled[0] * pooled[1] * outputs);
                assert!(before.iter().all(|other| *other == f32::MAX), "the first picture is somebody else's");
                assert!(
                    later.iter().zip(&expected).all(|(a, b)| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan())
                );
                assert!(expected.iter().any(|value| value.is_finite() && *value > -0.1), "{pool:?}");
                // Between channels that are somebody else's.
                let wide = outputs + 5;
                let mut found = vec![f32::MAX; batch * pooled[0] * pooled[1] * wide];
                let target = Target::new(&mut found[2..], [batch, pooled[0], pooled[1], outputs], wide);
                convolve(isa, view, &weights, window, after, size, &pool, target, &Control::default());
                for (found, expected) in found.chunks(wide).zip(expected.chunks(outputs)) {
                    let same = |(a, b): (&f32, &f32)| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan();
                    assert!(found[2..].iter().zip(expected).all(same), "{isa:?} {pool:?}");
                    assert!(found[..2].iter().chain(&found[2 + outputs..]).all(|other| *other == f32::MAX));
                }
            }
        }
    }

    #[test]
    fn windows_that_see_nothing_or_the_same_and_weights_from_far_do_not_suit() {
        let window = Window { kernel: [3, 3], stride: [1, 1], dilation: [1, 1] };
        let (near, far) = (Panels::new(1, 27, 64, |_, _| 1.0), Panels::new(1, 9 * 512, 64, |_, _| 1.0));
        let pool = MaxPool2d::square(3, 2, 1, false);
        assert!(suits(&near, window, &pool, [40, 40]));
        assert!(!suits(&far, window, &pool, [40, 40]));
        assert!(!suits(&near, window, &pool, [40, 5]));
        assert!(!suits(&near, window, &MaxPool2d::square(3, 1, 1, false), [40, 40]));
        assert!(!suits(&near, window, &pool.dilation([2, 2]), [40, 40]));
        assert!(!suits(&near, window, &pool.padding([3, 0], [0, 0]), [40, 40]));
        assert!(!suits(&near, window, &pool.padding([0, 0], [0, 3]), [40, 40]));
    }

    #[test]
    fn a_cancelled_convolution_pools_nothing() {
        let (input, control) = (noise(20 * 20 * 3, 1), Control::default());
        let weights = Panels::new(1, 27, 32, |_, _| 1.0);
        let window = Window { kernel: [3, 3], stride: [1, 1], dilation: [1, 1] };
        control.cancel();
        let mut output = vec![-1.0; 9 * 9 * 32];
        let target = Target::new(&mut output, [1, 9, 9, 32], 32);
        let (view, pool) = (View::new(&input, [1, 20, 20, 3]), MaxPool2d::square(2, 2, 0, false));
        convolve(Isa::best(), view, &weights, window, After::default(), [18, 18], &pool, target, &control);
        assert!(output.iter().all(|value| *value == -1.0));
    }
}
