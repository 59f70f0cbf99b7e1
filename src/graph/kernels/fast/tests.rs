//! The fast kernels against sums in `f64`, with every set of instructions that the processor has.

use super::{
    Isa, depthwise, direct,
    image::{After, Target, View},
    layout::{self, Edges},
    micro::{self, Left, WIDTH},
    winograd::{self, Tiling},
};
use crate::graph::Control;

/// Numbers in −1..1, the same in each run.
pub(super) fn noise(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / 8_388_608.0 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// Sizes of a convolution: `[batch, rows, columns, inputs, outputs, groups]` and what else there is to it.
struct Case {
    sizes: [usize; 6],
    window: direct::Window,
    edges: Edges,
    limits: Option<(f32, f32)>,
    residual: bool,
}

impl Case {
    fn new(sizes: [usize; 6], kernel: [usize; 2]) -> Self {
        let window = direct::Window { kernel, stride: [1, 1], dilation: [1, 1] };
        Self { sizes, window, edges: Edges::default(), limits: None, residual: false }
    }

    fn padded(mut self, before: [usize; 2], after: [usize; 2]) -> Self {
        self.edges = Edges { before, after };
        self
    }

    fn steps(mut self, stride: [usize; 2], dilation: [usize; 2]) -> Self {
        (self.window.stride, self.window.dilation) = (stride, dilation);
        self
    }

    fn then(mut self, limits: (f32, f32)) -> Self {
        (self.limits, self.residual) = (Some(limits), true);
        self
    }

    fn output(&self) -> [usize; 2] {
        let padded = self.edges.around([self.sizes[1], self.sizes[2]]);
        let Self { window: direct::Window { kernel, stride, dilation }, .. } = self;
        [0, 1].map(|axis| (padded[axis] - dilation[axis] * (kernel[axis] - 1) - 1) / stride[axis] + 1)
    }

    fn input(&self) -> Vec<f32> {
        let [batch, rows, columns, inputs, ..] = self.sizes;
        noise(batch * rows * columns * inputs, 1)
    }

    /// `[outputs][inputs of the group][places]`.
    fn weight(&self) -> Vec<f32> {
        let [.., inputs, outputs, groups] = self.sizes;
        noise(outputs * inputs / groups * self.window.kernel[0] * self.window.kernel[1], 2)
    }

    fn bias(&self) -> Vec<f32> {
        let mut bias = noise(self.sizes[4], 3);
        bias.resize(bias.len().next_multiple_of(WIDTH), 0.0);
        bias
    }

    fn scale(&self) -> Vec<f32> {
        let mut scale = noise(if self.residual { self.sizes[4] } else { 0 }, 5);
        scale.resize(scale.len().next_multiple_of(WIDTH), 0.0);
        scale
    }

    fn others(&self) -> Vec<f32> {
        let [rows, columns] = self.output();
        noise(self.sizes[0] * rows * columns * self.sizes[4], 4)
    }

    /// The sums, channels last.
    fn expected(&self) -> Vec<f64> {
        let [batch, rows, columns, inputs, outputs, groups] = self.sizes;
        let direct::Window { kernel, stride, dilation } = self.window;
        let ([out_rows, out_columns], of_group) = (self.output(), inputs / groups);
        let (input, weight, bias, others) = (self.input(), self.weight(), self.bias(), self.others());
        let scale = self.scale();
        let mut sums = Vec::new();
        for place in 0..batch * out_rows * out_columns * outputs {
            let (output, pixel) = (place % outputs, place / outputs);
            let (x, y, picture) = (pixel % out_columns, pixel / out_columns % out_rows, pixel / out_columns / out_rows);
            let group = output / (outputs / groups);
            let mut sum = 0.0;
            for tap in 0..kernel[0] * kernel[1] {
                let row = (y * stride[0] + tap / kernel[1] * dilation[0]).wrapping_sub(self.edges.before[0]);
                let column = (x * stride[1] + tap % kernel[1] * dilation[1]).wrapping_sub(self.edges.before[1]);
                if row >= rows || column >= columns {
                    continue;
                }
                for i in 0..of_group {
                    let value = input[((picture * rows + row) * columns + column) * inputs + group * of_group + i];
                    let factor = weight[(output * of_group + i) * kernel[0] * kernel[1] + tap];
                    sum += f64::from(value) * f64::from(factor);
                }
            }
            sum = sum * scale.get(output).map_or(1.0, |&scale| f64::from(scale)) + f64::from(bias[output]);
            if self.residual {
                sum += f64::from(others[place]);
            }
            if let Some((low, high)) = self.limits {
                sum = sum.clamp(f64::from(low), f64::from(high));
            }
            sums.push(sum);
        }
        sums
    }

    /// Asserts that a kernel's output is within a part of the largest value of the sums.
    fn check(&self, name: &str, tolerance: f64, run: impl Fn(After, Target)) {
        let ([rows, columns], bias, others) = (self.output(), self.bias(), self.others());
        let sizes = [self.sizes[0], rows, columns, self.sizes[4]];
        let residual = self.residual.then(|| View::new(&others, sizes));
        // NaN where nothing is written, and gaps that must stay as they are.
        let pixel = self.sizes[4] + 3;
        let mut output = vec![f32::NAN; sizes[0] * rows * columns * pixel];
        let after = After { scale: &self.scale(), bias: &bias, residual, limits: self.limits };
        run(after, Target::new(&mut output, sizes, pixel));
        let expected = self.expected();
        let largest = expected.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
        for (found, expected) in output.chunks_exact(pixel).zip(expected.chunks_exact(self.sizes[4])) {
            let (found, gap) = found.split_at(self.sizes[4]);
            assert!(gap.iter().all(|value| value.is_nan()), "{name} writes beyond its channels");
            for (found, expected) in found.iter().zip(expected) {
                let error = (f64::from(*found) - expected).abs();
                assert!(error <= tolerance * largest, "{name}: {found} is not {expected}");
            }
        }
    }
}

/// Rounding of plain sums of up to 500 products in `f32`, as a part of the largest.
pub(super) const PLAIN: f64 = 2e-6;

/// Winograd's transforms lose a little more: 1e-6 was seen.
const WINOGRAD: f64 = 5e-6;

/// Those for kernels of 5×5 more again: 2e-5 was seen, where the largest value is limited to a part of the sums.
const LARGE_WINOGRAD: f64 = 5e-5;

#[test]
fn products_are_those_of_every_processor() {
    for isa in Isa::all() {
        for (rows, depth) in [(1, 1), (3, 7), (14, 64), (29, 33), (17, 300)] {
            let (row, out_row) = (depth + 5, WIDTH + 1);
            let (left, right) = (noise(rows * row, 1), noise(depth * WIDTH, 2));
            let mut out = vec![f32::NAN; rows * out_row];
            let panel = micro::Panel { values: &right, next: 0 };
            micro::product(isa, rows, &left, Left::matrix(row, depth), panel, &mut out, out_row);
            for (place, found) in out.iter().enumerate() {
                let (i, j) = (place / out_row, place % out_row);
                if j >= WIDTH {
                    assert!(found.is_nan(), "{isa:?} writes beyond the panel");
                    continue;
                }
                let expected = sum(&left[i * row..], &right, depth, j);
                assert!((f64::from(*found) - expected).abs() < PLAIN * 10.0, "{isa:?} {rows} × {depth}");
            }
        }
    }
}

/// A row's product with one column of a panel.
fn sum(row: &[f32], panel: &[f32], depth: usize, column: usize) -> f64 {
    (0..depth).map(|k| f64::from(row[k]) * f64::from(panel[k * WIDTH + column])).sum()
}

#[test]
fn pixels_are_products_and_what_follows() {
    // Rows, depth, channels of the panel that there are; sums of over 128 products come in pieces.
    for (rows, depth, count) in [(1, 5, 32), (31, 20, 32), (15, 300, 32), (15, 256, 17), (31, 20, 7)] {
        for residual in [false, true] {
            let (first, channel, channels) = (2, 3, 3 + count + 1);
            let (left, right) = (noise(rows * depth, 1), noise(depth * WIDTH, 2));
            let (scale, bias) = (noise(channel + WIDTH, 3), noise(channel + WIDTH, 4));
            let others = noise((first + rows) * channels, 5);
            for isa in Isa::all() {
                let mut out = vec![f32::NAN; (first + rows) * channels];
                let sizes = [1, 1, first + rows, channels];
                let after = After {
                    scale: &scale,
                    bias: &bias,
                    residual: residual.then(|| View::new(&others, sizes)),
                    limits: Some((0.0, 2.0)),
                };
                let output = Target::new(&mut out, sizes, channels);
                let panel = micro::Panel { values: &right, next: 0 };
                let place = micro::Place { pixel: first, channel, count };
                // SAFETY: the output has these channels of these pixels, and nobody else is here.
                unsafe { micro::pixels(isa, rows, &left, Left::matrix(depth, depth), panel, place, after, output) };
                for (index, found) in out.iter().enumerate() {
                    let (pixel, at) = (index / channels, index % channels);
                    if pixel < first || at < channel || at >= channel + count {
                        assert!(found.is_nan(), "{isa:?} writes elsewhere");
                        continue;
                    }
                    let product = sum(&left[(pixel - first) * depth..], &right, depth, at - channel);
                    let more = if residual { f64::from(others[index]) } else { 0.0 };
                    let expected = (product * f64::from(scale[at]) + f64::from(bias[at]) + more).clamp(0.0, 2.0);
                    assert!((f64::from(*found) - expected).abs() < PLAIN * 10.0, "{isa:?} {rows} × {depth}, {count}");
                }
            }
        }
    }
}

#[test]
fn direct_convolutions_are_the_plain_sums() {
    let cases = [
        Case::new([1, 30, 31, 3, 64, 1], [11, 11]).padded([2, 2], [2, 2]).steps([4, 4], [1, 1]),
        Case::new([2, 9, 8, 20, 37, 1], [3, 3]).padded([1, 1], [1, 1]).steps([2, 2], [1, 1]).then((0.0, f32::INFINITY)),
        Case::new([3, 7, 7, 40, 70, 1], [1, 1]).then((-1.0, 2.0)),
        Case::new([2, 12, 13, 8, 12, 4], [3, 5]).padded([0, 2], [1, 2]).steps([1, 2], [2, 1]),
        Case::new([1, 9, 9, 6, 6, 1], [2, 2]).padded([0, 0], [1, 1]).steps([1, 1], [1, 3]),
        Case::new([1, 1, 1, 3, 1, 1], [1, 1]),
        // Pixels that lie so far apart that they are copied.
        Case::new([1, 5, 6, 512, 130, 1], [1, 1]).then((0.0, f32::INFINITY)),
        Case::new([2, 20, 20, 16, 16, 1], [3, 3]).padded([1, 1], [1, 1]),
    ];
    for case in cases {
        let [batch, rows, columns, inputs, outputs, groups] = case.sizes;
        let (of_group, taps) = (inputs / groups, case.window.kernel[0] * case.window.kernel[1]);
        let weight = case.weight();
        let panels = direct::Panels::new(groups, taps * of_group, outputs / groups, |output, place| {
            weight[(output * of_group + place % of_group) * taps + place / of_group]
        });
        // Through the other layout, which the padding is part of.
        let (mut first, input) = (vec![0.0; case.input().len()], case.input());
        layout::to_first(View::new(&input, [batch, rows, columns, inputs]), &mut first);
        let [padded_rows, padded_columns] = case.edges.around([rows, columns]);
        let mut last = vec![f32::NAN; batch * padded_rows * padded_columns * inputs];
        layout::to_last(&first, [batch, inputs, rows, columns], case.edges, &mut last);
        let view = View::new(&last, [batch, padded_rows, padded_columns, inputs]);
        for isa in Isa::all() {
            case.check(&format!("{isa:?} {:?}", case.sizes), PLAIN, |after, target| {
                direct::convolve(isa, view, &panels, case.window, after, target, &Control::default());
            });
        }
    }
}

#[test]
fn winograds_convolution_is_the_plain_sum() {
    let cases = [
        Case::new([1, 8, 8, 16, 32, 1], [3, 3]).padded([1, 1], [1, 1]),
        Case::new([2, 13, 9, 20, 37, 1], [3, 3]).padded([1, 1], [1, 1]).then((0.0, 3.0)),
        Case::new([1, 30, 30, 3, 5, 1], [3, 3]),
        Case::new([3, 14, 15, 64, 64, 1], [3, 3]).padded([2, 0], [1, 2]),
        Case::new([1, 56, 56, 7, 40, 1], [3, 3]).padded([1, 1], [1, 1]),
        Case::new([1, 3, 3, 2, 2, 1], [3, 3]),
        // So many tiles that each thread takes its own, and so many channels that all share them.
        Case::new([2, 90, 90, 16, 8, 1], [3, 3]).padded([1, 1], [1, 1]).then((-2.0, f32::INFINITY)),
        Case::new([1, 30, 30, 200, 40, 1], [3, 3]).padded([1, 1], [1, 1]),
        Case::new([2, 13, 9, 20, 37, 1], [5, 5]).padded([2, 2], [2, 2]).then((0.0, 3.0)),
        Case::new([1, 5, 6, 3, 2, 1], [5, 5]),
        Case::new([1, 31, 31, 64, 64, 1], [5, 5]).padded([2, 0], [1, 4]),
        Case::new([3, 90, 70, 17, 8, 1], [5, 5]).padded([2, 2], [2, 2]).then((-2.0, f32::INFINITY)),
    ];
    for case in cases {
        let [batch, rows, columns, inputs, outputs, _] = case.sizes;
        let (weight, input) = (case.weight(), case.input());
        let taps = case.window.kernel[0];
        let tolerance = if taps == 3 { WINOGRAD } else { LARGE_WINOGRAD };
        for tiling in tilings(taps) {
            let weights = winograd::Weights::new(tiling, inputs, outputs, |output, input, row, column| {
                weight[(output * inputs + input) * taps * taps + row * taps + column]
            });
            let view = View::new(&input, [batch, rows, columns, inputs]);
            for isa in Isa::all() {
                case.check(&format!("{isa:?} {tiling:?} {:?}", case.sizes), tolerance, |after, target| {
                    winograd::convolve(isa, view, &weights, case.edges, after, false, target, &Control::default());
                });
            }
        }
    }
}

/// All tilings for kernels of this side.
fn tilings(taps: usize) -> Vec<Tiling> {
    [Some(Tiling::large(taps)), (taps == 3).then_some(Tiling::SMALL)].into_iter().flatten().collect()
}

#[test]
fn depthwise_convolutions_are_the_plain_sums() {
    let cases = [
        Case::new([2, 9, 8, 20, 20, 20], [3, 3]).padded([1, 1], [1, 1]).then((0.0, 6.0)),
        Case::new([1, 12, 11, 33, 33, 33], [5, 3]).padded([2, 0], [1, 1]).steps([2, 3], [1, 2]),
        Case::new([1, 1, 1, 1, 1, 1], [1, 1]),
    ];
    for case in cases {
        let [batch, rows, columns, channels, ..] = case.sizes;
        let (weight, taps) = (case.weight(), case.window.kernel[0] * case.window.kernel[1]);
        let weights = depthwise::Weights::new(channels, taps, |channel, place| weight[channel * taps + place]);
        let padded = case.edges.around([rows, columns]);
        let mut input = vec![f32::NAN; batch * padded[0] * padded[1] * channels];
        layout::pad(View::new(&case.input(), [batch, rows, columns, channels]), case.edges, &mut input);
        let view = View::new(&input, [batch, padded[0], padded[1], channels]);
        for isa in Isa::all() {
            case.check(&format!("{isa:?} {:?}", case.sizes), PLAIN, |after, target| {
                depthwise::convolve(isa, view, &weights, case.window, after, target, &Control::default());
            });
        }
    }
}

#[test]
fn nan_is_neither_limited_nor_pooled_away() {
    // One NaN in the middle of the first picture; of the second nothing is NaN.
    let mut input = vec![1.0; 2 * 8 * 8 * 16];
    input[(4 * 8 + 4) * 16] = f32::NAN;
    let limits = Some((0.0, 6.0));
    for isa in Isa::all() {
        for (tiling, pool) in tilings(3).into_iter().flat_map(|tiling| [(tiling, false), (tiling, true)]) {
            let weights = winograd::Weights::new(tiling, 16, 16, |_, _, _, _| 0.1);
            let side = if pool { 4 } else { 8 };
            let mut output = vec![0.0; 2 * side * side * 16];
            let (view, edges) = (View::new(&input, [2, 8, 8, 16]), Edges { before: [1, 1], after: [1, 1] });
            let target = Target::new(&mut output, [2, side, side, 16], 16);
            let after = After { limits, ..After::default() };
            winograd::convolve(isa, view, &weights, edges, after, pool, target, &Control::default());
            assert!(output[(side / 2 * side + side / 2) * 16].is_nan(), "{isa:?} {tiling:?} {pool}");
            assert!(output[side * side * 16..].iter().all(|value| !value.is_nan()), "{isa:?} {tiling:?} {pool}");
        }
        // Part of a panel, a whole one, and both.
        for outputs in [16, 32, 48] {
            let panels = direct::Panels::new(1, 16, outputs, |_, _| 0.1);
            let mut output = vec![0.0; 2 * 64 * outputs];
            let view = View::new(&input, [2, 8, 8, 16]);
            let target = Target::new(&mut output, [2, 8, 8, outputs], outputs);
            let window = direct::Window { kernel: [1, 1], stride: [1, 1], dilation: [1, 1] };
            let after = After { limits, ..After::default() };
            direct::convolve(isa, view, &panels, window, after, target, &Control::default());
            assert_eq!(output.iter().filter(|value| value.is_nan()).count(), outputs, "{isa:?}");
        }
    }
}

#[test]
fn pooling_on_the_way_out_takes_the_maximum_of_each_square() {
    let case = Case::new([2, 15, 10, 16, 33, 1], [3, 3]).padded([1, 1], [1, 1]);
    let (weight, input) = (case.weight(), case.input());
    let weights = |tiling| {
        winograd::Weights::new(tiling, 16, 33, |output, input, row, column| {
            weight[(output * 16 + input) * 9 + row * 3 + column]
        })
    };
    let view = View::new(&input, [2, 15, 10, 16]);
    for (isa, tiling) in Isa::all().into_iter().flat_map(|isa| tilings(3).into_iter().map(move |tiling| (isa, tiling)))
    {
        let weights = weights(tiling);
        let run = |pool: bool, [rows, columns]: [usize; 2]| {
            let mut output = vec![f32::NAN; 2 * rows * columns * 33];
            let target = Target::new(&mut output, [2, rows, columns, 33], 33);
            let after = After::default();
            winograd::convolve(isa, view, &weights, case.edges, after, pool, target, &Control::default());
            output
        };
        let (full, pooled) = (run(false, [15, 10]), run(true, [7, 5]));
        for (place, found) in pooled.iter().enumerate() {
            let (channel, x, y, picture) = (place % 33, place / 33 % 5, place / 33 / 5 % 7, place / 33 / 5 / 7);
            let at = |dy: usize, dx: usize| full[((picture * 15 + 2 * y + dy) * 10 + 2 * x + dx) * 33 + channel];
            assert_eq!(*found, at(0, 0).max(at(0, 1)).max(at(1, 0)).max(at(1, 1)), "{isa:?} {tiling:?}");
        }
    }
}

#[test]
fn a_cancelled_convolution_leaves_the_rest_undone() {
    let (input, control) = (vec![1.0; 64 * 64 * 16], Control::default());
    let weights = winograd::Weights::new(Tiling::large(3), 16, 64, |_, _, _, _| 1.0);
    control.cancel();
    let mut output = vec![-1.0; 64 * 64 * 64];
    let target = Target::new(&mut output, [1, 64, 64, 64], 64);
    let (view, edges) = (View::new(&input, [1, 64, 64, 16]), Edges { before: [1, 1], after: [1, 1] });
    winograd::convolve(Isa::best(), view, &weights, edges, After::default(), false, target, &control);
    assert!(output.iter().all(|value| *value == -1.0));
}

#[test]
fn layouts_lead_back_to_where_they_came_from() {
    for sizes @ [batch, channels, rows, columns] in [[1, 1, 1, 1], [2, 3, 5, 7], [1, 40, 17, 33]] {
        let values = noise(batch * channels * rows * columns, 9);
        let (mut last, mut first) = (vec![f32::NAN; values.len()], vec![f32::NAN; values.len()]);
        layout::to_last(&values, sizes, Edges::default(), &mut last);
        assert_eq!(last.get(1), values.get(if channels > 1 { rows * columns } else { 1 }));
        layout::to_first(View::new(&last, [batch, rows, columns, channels]), &mut first);
        assert_eq!(first, values);
    }
}
