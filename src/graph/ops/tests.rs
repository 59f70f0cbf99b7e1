//! Each kernel against its composition from tensor operations, and each way back against finite differences.

mod elements;
mod layout;
mod normalisation;
mod products;
mod reduction;

use candle_core::{DType, Device, Tensor};

use super::{
    super::{
        Control, kernels,
        op::{Op, Rule, Saved},
    },
    *,
};

/// Numbers from −1 to 1 that look random, the same in each run.
pub(in crate::graph) fn noise(shape: &[usize], seed: u64) -> Tensor {
    let count: usize = shape.iter().product();
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let values: Vec<f64> = (0..count)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) as f64 / f64::from(1_u32 << 26) / f64::from(1_u32 << 26) - 1.0
        })
        .collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

pub(super) fn values(tensor: &Tensor) -> Vec<f64> {
    tensor.flatten_all().unwrap().to_dtype(DType::F64).unwrap().to_vec1().unwrap()
}

pub(super) fn difference(a: &Tensor, b: &Tensor) -> f64 {
    assert_eq!(a.dims(), b.dims());
    values(a).iter().zip(values(b)).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

/// `sin 0, sin 1, sin 2, …`, which other programs can make too.
pub(super) fn sines(shape: &[usize]) -> Tensor {
    let values: Vec<f64> = (0..shape.iter().product()).map(|index: usize| (index as f64).sin()).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

/// The output for one input.
pub(super) fn output(op: &dyn Op, input: &Tensor) -> Tensor {
    assert_eq!(op.shape(&[input.dims()]).unwrap(), op.forward(&[input], false).unwrap().output.dims(), "{op:?}");
    op.forward(&[input], false).unwrap().output
}

/// The output's elements against those of another program.
pub(super) fn check_values(op: &dyn Op, input: &Tensor, expected: &[f64]) {
    let found = values(&output(op, input));
    assert_eq!(found.len(), expected.len(), "{op:?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-13, "{op:?}: {found} against {expected}");
    }
}

/// The gradient for the first input under the rule `Gradient`.
pub(super) fn gradient(op: &dyn Op, input: &Tensor, seed: &Tensor) -> Tensor {
    let forward = op.forward(&[input], true).unwrap();
    let saved = Saved { inputs: vec![input.dims().to_vec()], state: forward.state };
    op.vjp(seed, 0, &saved, Rule::Gradient).unwrap()
}

/// [`check_gradient`] of an operation with one input over inputs of several shapes, and what must hold besides: a zero
/// gradient stays zero, and (where there are no weights, which are `f64`) `f32` agrees with `f64`.
pub(super) fn check_over(op: &dyn Op, shapes: &[&[usize]]) {
    for (case, &shape) in shapes.iter().enumerate() {
        let input = noise(shape, 50 + case as u64);
        check_gradient(op, std::slice::from_ref(&input));
        let precise = output(op, &input);
        let none = gradient(op, &input, &precise.zeros_like().unwrap());
        assert!(values(&none).iter().all(|&g| g == 0.0), "{op:?}: {none} from nothing");
        if !op.weights().is_empty() {
            continue;
        }
        let single = output(op, &input.to_dtype(DType::F32).unwrap());
        assert_eq!(single.dtype(), DType::F32);
        assert!(difference(&single, &precise) < 1e-4 * (1.0 + largest(&precise)), "{op:?}");
    }
}

/// Whether each picture of a batch comes out as it does by itself.
pub(super) fn check_batch(op: &dyn Op, input: &Tensor) {
    let together = output(op, input);
    for picture in 0..input.dim(0).unwrap() {
        let alone = output(op, &input.narrow(0, picture, 1).unwrap());
        let found = together.narrow(0, picture, 1).unwrap();
        assert!(difference(&found, &alone) < 1e-13, "{op:?}");
    }
}

fn largest(tensor: &Tensor) -> f64 {
    values(tensor).into_iter().map(f64::abs).fold(0.0, f64::max)
}

/// The operation's gradient of `⟨seed, output⟩` against central differences along a random direction, in f64.
pub(super) fn check_gradient(op: &dyn Op, inputs: &[Tensor]) {
    let references: Vec<&Tensor> = inputs.iter().collect();
    let shapes: Vec<Vec<usize>> = inputs.iter().map(|input| input.dims().to_vec()).collect();
    let forward = op.forward(&references, true).unwrap();
    let dimensions: Vec<&[usize]> = shapes.iter().map(Vec::as_slice).collect();
    assert_eq!(forward.output.dims(), op.shape(&dimensions).unwrap(), "{op:?}");
    let seed = noise(forward.output.dims(), 99);
    let saved = Saved { inputs: shapes, state: forward.state };
    let score = |inputs: &[&Tensor]| -> f64 {
        let output = op.forward(inputs, false).unwrap().output;
        values(&(output * &seed).unwrap()).iter().sum()
    };
    for which in 0..inputs.len() {
        let gradient = op.vjp(&seed, which, &saved, Rule::Gradient).unwrap();
        assert_eq!(gradient.dims(), inputs[which].dims());
        let direction = noise(inputs[which].dims(), 7 + which as u64);
        let step = 1e-6;
        let moved = |sign: f64| {
            let moved = (&inputs[which] + (&direction * (sign * step)).unwrap()).unwrap();
            let mut all = references.clone();
            all[which] = &moved;
            score(&all)
        };
        let slope = (moved(1.0) - moved(-1.0)) / (2.0 * step);
        let expected: f64 = values(&(gradient * direction).unwrap()).iter().sum();
        assert!((slope - expected).abs() <= 1e-6 * (1.0 + expected.abs()), "{op:?}: {slope} against {expected}");
    }
}

/// Sizes of convolutions: batch, groups, channels in and out of a group, rows, columns, kernel, stride, padding,
/// dilation.
type ConvCase = (usize, usize, [usize; 2], [usize; 2], [usize; 2], [usize; 2], [usize; 2], [usize; 2]);

const CONVOLUTIONS: [ConvCase; 18] = [
    // Depthwise and nearly so.
    (2, 3, [1, 1], [7, 9], [3, 3], [1, 1], [1, 1], [1, 1]),
    (1, 4, [1, 2], [8, 7], [5, 3], [2, 2], [2, 1], [1, 1]),
    (2, 2, [2, 2], [6, 6], [3, 3], [2, 1], [1, 0], [1, 2]),
    (1, 3, [1, 1], [1, 1], [3, 3], [1, 1], [1, 1], [1, 1]),
    (1, 5, [1, 1], [9, 8], [2, 4], [3, 3], [1, 3], [2, 1]),
    // Single places, in one group and in two.
    (2, 2, [3, 4], [5, 6], [1, 1], [1, 1], [0, 0], [1, 1]),
    (1, 1, [3, 5], [5, 6], [1, 1], [1, 1], [0, 0], [1, 1]),
    // In one group and in two, with all that can differ.
    (1, 1, [3, 4], [7, 9], [3, 3], [1, 1], [1, 1], [1, 1]),
    (2, 1, [2, 3], [8, 8], [3, 3], [2, 2], [1, 1], [1, 1]),
    (1, 1, [3, 2], [23, 19], [11, 11], [4, 4], [2, 2], [1, 1]),
    (1, 2, [2, 3], [6, 7], [3, 3], [1, 1], [1, 1], [1, 1]),
    (2, 4, [1, 1], [5, 5], [3, 3], [2, 2], [0, 0], [1, 1]),
    (1, 1, [2, 2], [9, 9], [3, 3], [1, 1], [2, 2], [2, 2]),
    (3, 1, [4, 5], [6, 5], [1, 1], [1, 1], [0, 0], [1, 1]),
    (1, 1, [2, 2], [7, 8], [1, 1], [2, 2], [0, 0], [1, 1]),
    (1, 1, [2, 3], [8, 9], [1, 7], [1, 2], [0, 3], [1, 1]),
    (1, 1, [2, 2], [1, 1], [3, 3], [1, 1], [1, 1], [1, 1]),
    (1, 1, [2, 2], [7, 9], [3, 2], [2, 1], [1, 2], [2, 3]),
];

fn convolutions() -> impl Iterator<Item = (Conv2d, Tensor)> {
    CONVOLUTIONS.into_iter().map(|(batch, groups, [inputs, outputs], size, kernel, stride, padding, dilation)| {
        let weight = noise(&[outputs * groups, inputs, kernel[0], kernel[1]], 1);
        let bias = noise(&[outputs * groups], 2);
        let conv = Conv2d::new(weight, Some(bias)).unwrap();
        let conv = conv.stride(stride).padding(padding).dilation(dilation).groups(groups);
        (conv, noise(&[batch, inputs * groups, size[0], size[1]], 3))
    })
}

/// Convolutions with other zeros after the input than before it, as TensorFlow's "same" padding at stride 2 has.
fn uneven_convolutions() -> impl Iterator<Item = (Conv2d, Tensor)> {
    [([0, 0], [1, 1], 2), ([1, 0], [0, 2], 2), ([2, 1], [1, 3], 6)].into_iter().enumerate().map(|(case, all)| {
        let (begin, end, groups) = all;
        let weight = noise(&[6, 6 / groups, 3, 2], 40);
        let conv = Conv2d::new(weight, Some(noise(&[6], 41))).unwrap().stride([2, 1 + case % 2]).groups(groups);
        (conv.padding(begin).padding_end(end), noise(&[2, 6, 8, 7], 42))
    })
}

fn max_pools() -> impl Iterator<Item = (MaxPool2d, Tensor)> {
    let pools = [
        MaxPool2d::square(2, 2, 0, false),
        MaxPool2d::square(3, 2, 0, false),
        MaxPool2d::square(3, 2, 0, true),
        MaxPool2d::square(3, 2, 1, false),
        MaxPool2d::square(3, 1, 1, true),
        MaxPool2d::square(2, 3, 1, true),
        MaxPool2d::new([1, 3], [1, 2]).padding([0, 1], [0, 1]),
        MaxPool2d::new([3, 2], [2, 2]).padding([0, 0], [1, 1]),
        MaxPool2d::new([3, 3], [2, 1]).padding([2, 1], [0, 2]).ceil(true),
        MaxPool2d::new([2, 2], [1, 1]).padding([1, 1], [1, 0]).dilation([2, 3]),
        MaxPool2d::new([2, 2], [2, 2]).dilation([1, 2]).ceil(true),
    ];
    pools.into_iter().flat_map(|pool| {
        [[1, 2, 7, 9], [2, 1, 8, 5], [1, 3, 3, 4]].into_iter().map(move |shape| (pool, noise(&shape, 4)))
    })
}

fn average_pools() -> impl Iterator<Item = AvgPool2d> {
    [
        AvgPool2d::new([2, 2], [2, 2]),
        AvgPool2d::new([3, 3], [2, 2]).padding([1, 1], [1, 1]).ceil(true),
        AvgPool2d::new([3, 3], [2, 2]).padding([1, 1], [1, 1]).ceil(true).count_padding(false),
        AvgPool2d::new([1, 3], [1, 2]).padding([0, 1], [0, 1]).count_padding(false),
        AvgPool2d::new([2, 3], [2, 2]).padding([0, 0], [1, 1]).count_padding(false),
        AvgPool2d::new([3, 3], [1, 2]).padding([2, 0], [0, 2]),
    ]
    .into_iter()
}

#[test]
fn gradients_are_those_of_finite_differences() {
    for (conv, input) in convolutions().chain(uneven_convolutions()) {
        check_gradient(&conv, &[input]);
    }
    for (pool, input) in max_pools() {
        check_gradient(&pool, &[input]);
    }
    for pool in average_pools() {
        check_gradient(&pool, &[noise(&[2, 2, 7, 9], 5)]);
    }
    for size in [[1, 1], [7, 7], [3, 5], [20, 2]] {
        check_gradient(&AdaptiveAvgPool2d { size }, &[noise(&[2, 2, 7, 9], 6)]);
    }
    let channels = |seed| (noise(&[3], seed) + 1.5).unwrap();
    let norm = BatchNorm2d::new(channels(1), channels(2), &channels(3), &channels(4), 1e-5).unwrap();
    check_gradient(&norm, &[noise(&[2, 3, 4, 5], 8)]);
    check_gradient(&Relu, &[noise(&[2, 3, 4, 5], 9)]);
    check_gradient(&Add, &[noise(&[1, 2, 3, 3], 13), noise(&[1, 2, 3, 3], 14), noise(&[1, 2, 3, 3], 15)]);
    check_gradient(&Concat::CHANNELS, &[noise(&[2, 2, 3, 3], 16), noise(&[2, 1, 3, 3], 17)]);
    for dimension in 0..4 {
        let mut longer = [2, 3, 4, 5];
        longer[dimension] += 2;
        check_gradient(&Concat::along(dimension), &[noise(&[2, 3, 4, 5], 16), noise(&longer, 17)]);
    }
    let dense = Linear::new(noise(&[4, 6], 10), Some(noise(&[4], 11))).unwrap();
    for shape in [&[3, 6][..], &[2, 5, 6], &[2, 3, 2, 6]] {
        check_gradient(&dense, &[noise(shape, 12)]);
    }
    check_gradient(&Flatten, &[noise(&[2, 2, 3, 3], 18)]);
    check_gradient(&Dropout, &[noise(&[2, 5], 19)]);
    check_gradient(&SliceMax, &[noise(&[6, 5], 20)]);
}

#[test]
fn convolution_kernels_agree_with_their_composition() {
    for (conv, input) in convolutions().chain(uneven_convolutions()) {
        let sizes = conv.sizes(input.dims()).unwrap();
        let kernel = kernels::conv::forward(&conv, &input, sizes, &Control::default()).unwrap();
        assert!(difference(&kernel, &conv::composed_forward(&conv, &input).unwrap()) < 1e-12, "{conv:?}");
        let gradient = noise(kernel.dims(), 30);
        let back = kernels::conv::vjp(&conv, &gradient, sizes, &Control::default()).unwrap();
        assert!(difference(&back, &conv::composed_vjp(&conv, &gradient, sizes).unwrap()) < 1e-12, "{conv:?}");
    }
}

#[test]
fn a_convolution_in_several_strips_is_the_same() {
    let conv = Conv2d::new(noise(&[2, 40, 3, 3], 1), None).unwrap().padding([1; 2]);
    let input = noise(&[1, 40, 70, 130], 2);
    let sizes = conv.sizes(input.dims()).unwrap();
    let kernel = kernels::conv::forward(&conv, &input, sizes, &Control::default()).unwrap();
    assert!(difference(&kernel, &conv::composed_forward(&conv, &input).unwrap()) < 1e-12);
    let back = kernels::conv::vjp(&conv, &kernel, sizes, &Control::default()).unwrap();
    assert!(difference(&back, &conv::composed_vjp(&conv, &kernel, sizes).unwrap()) < 1e-11);
}

#[test]
fn composed_convolutions_in_parts_are_those_of_the_whole_batch() {
    let (input, weight) = (noise(&[5, 4, 9, 8], 41), noise(&[6, 2, 3, 3], 42));
    // Padding, stride, dilation and groups.
    for (shape, places) in [([1, 1, 1, 2], 9 * 8), ([0, 2, 2, 2], 3 * 2)] {
        let whole = input.conv2d(&weight, shape[0], shape[1], shape[2], shape[3]).unwrap();
        assert_eq!(whole.dims()[2] * whole.dims()[3], places);
        // One picture's patches, two's and a bit, and less than one's.
        for most in [2 * 9 * places, 2 * 2 * 9 * places + 1, 1] {
            let parts = conv::in_parts(&input, &weight, shape, most).unwrap();
            assert_eq!(difference(&parts, &whole), 0.0, "{shape:?} {most}");
        }
    }
    let wide =
        Tensor::zeros((1, 1, 1, 1), DType::F32, &Device::Cpu).unwrap().broadcast_as((1, 64, 4096, 4096)).unwrap();
    let weight = Tensor::zeros((1, 64, 3, 3), DType::F32, &Device::Cpu).unwrap();
    let message = conv::in_parts(&wide, &weight, [1, 1, 1, 1], 1).unwrap_err().to_string();
    assert!(message.contains("4096×4096") && message.contains("too large"), "{message}");
}

#[test]
fn pooling_kernels_agree_with_their_composition() {
    for (pool, input) in max_pools() {
        // Few levels, so that windows have ties.
        for input in [&input, &(&input * 2.0).unwrap().round().unwrap(), &input.zeros_like().unwrap()] {
            let shape = pool.shape(&[input.dims()]).unwrap();
            let size = [shape[2], shape[3]];
            let (output, switches) = kernels::max_pool::forward(input, &pool, size, true, &Control::default()).unwrap();
            let switches = switches.unwrap();
            let composed = max_pool::composed_forward(input, &pool, size, true).unwrap();
            assert_eq!(difference(&output, &composed.0), 0.0, "{pool:?}");
            let (unrecorded, none) = max_pool::composed_forward(input, &pool, size, false).unwrap();
            assert!(none.is_none() && difference(&output, &unrecorded) == 0.0, "{pool:?}");
            let gradient = noise(output.dims(), 31);
            let inner = [input.dims()[2], input.dims()[3]];
            let back = kernels::max_pool::vjp(&gradient, &switches, &pool, inner, &Control::default()).unwrap();
            let composed = max_pool::composed_vjp(&gradient, &composed.1.unwrap(), &pool, inner).unwrap();
            assert!(difference(&back, &composed) < 1e-12, "{pool:?}");
            // The largest values are none the less exact in f32, with the channels last, and with no places asked for.
            let last = kernels::memory::channels_last(&input.to_dtype(DType::F32).unwrap()).unwrap();
            let expected = output.to_dtype(DType::F32).unwrap();
            for record in [false, true] {
                let found = kernels::max_pool::forward(&last, &pool, size, record, &Control::default()).unwrap().0;
                assert_eq!(difference(&found, &expected), 0.0, "{pool:?} {record}");
            }
        }
    }
    for (windows, input) in [
        ([windows::adaptive(7, 3), windows::adaptive(9, 20)], noise(&[2, 3, 7, 9], 32)),
        ([windows::adaptive(1, 7), windows::adaptive(1, 7)], noise(&[1, 2, 1, 1], 33)),
    ] {
        let output = kernels::average::forward(&input, &windows).unwrap();
        assert!(difference(&output, &average::composed_forward(&input, &windows).unwrap()) < 1e-12);
        let size = [input.dims()[2], input.dims()[3]];
        let back = kernels::average::vjp(&output, &windows, size).unwrap();
        assert!(difference(&back, &average::composed_vjp(&output, &windows, size).unwrap()) < 1e-12);
    }
}

#[test]
fn elementwise_kernels_agree_with_their_composition() {
    let input = (noise(&[2, 3, 5, 7], 34) * 3.0).unwrap().round().unwrap();
    let output = kernels::elementwise::relu(&input).unwrap();
    assert_eq!(difference(&output, &relu::composed_forward(&input).unwrap()), 0.0);
    let gradient = noise(&[2, 3, 5, 7], 35);
    for rule in [Rule::Gradient, Rule::Guided, Rule::Deconvnet] {
        let kernel = kernels::elementwise::relu_vjp(&gradient, &output, rule).unwrap();
        assert_eq!(difference(&kernel, &relu::composed_vjp(&gradient, &output, rule).unwrap()), 0.0);
    }
    let (scale, shift) = (noise(&[3], 36), noise(&[3], 37));
    let kernel = kernels::elementwise::affine(&input, &scale, Some(&shift), false).unwrap();
    assert!(difference(&kernel, &batch_norm::composed_affine(&input, &scale, Some(&shift)).unwrap()) < 1e-12);
}

/// `relu` at −1, 0 and 1 with gradient −1 and 1 under each rule.
#[test]
fn relu_follows_the_rules_and_is_flat_at_zero() {
    let input = Tensor::new(&[-1.0_f32, 0.0, 1.0, -1.0, 0.0, 1.0], &Device::Cpu).unwrap();
    let gradient = Tensor::new(&[1.0_f32, 1.0, 1.0, -1.0, -1.0, -1.0], &Device::Cpu).unwrap();
    let forward = Relu.forward(&[&input], true).unwrap();
    let saved = Saved { inputs: vec![vec![6]], state: forward.state };
    let back = |rule| Relu.vjp(&gradient, 0, &saved, rule).unwrap().to_vec1::<f32>().unwrap();
    assert_eq!(back(Rule::Gradient), [0.0, 0.0, 1.0, 0.0, 0.0, -1.0]);
    assert_eq!(back(Rule::Guided), [0.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
    assert_eq!(back(Rule::Deconvnet), [1.0, 1.0, 1.0, 0.0, 0.0, 0.0]);
}

/// The case that candle gets wrong: it gives 0.25 to each.
#[test]
fn max_pooling_sends_the_whole_gradient_to_the_first_largest() {
    let pool = MaxPool2d::square(2, 2, 0, false);
    for (input, expected) in [([1.0_f32, 2.0, 3.0, 4.0], [0.0_f32, 0.0, 0.0, 1.0]), ([0.0; 4], [1.0, 0.0, 0.0, 0.0])] {
        let input = Tensor::from_vec(input.to_vec(), (1, 1, 2, 2), &Device::Cpu).unwrap();
        let forward = pool.forward(&[&input], true).unwrap();
        let saved = Saved { inputs: vec![vec![1, 1, 2, 2]], state: forward.state };
        let back = pool.vjp(&forward.output.ones_like().unwrap(), 0, &saved, Rule::Gradient).unwrap();
        assert_eq!(values(&back), expected.map(f64::from));
    }
}

#[test]
fn nan_passes_through_rectifying_pooling_and_slices() {
    let nan = Tensor::from_vec(vec![1.0_f32, f32::NAN, 3.0, 4.0], (1, 1, 2, 2), &Device::Cpu).unwrap();
    let pool = MaxPool2d::square(2, 2, 0, false);
    assert!(values(&Relu.forward(&[&nan], false).unwrap().output)[1].is_nan());
    assert!(values(&relu::composed_forward(&nan).unwrap())[1].is_nan());
    assert!(values(&pool.forward(&[&nan], false).unwrap().output)[0].is_nan());
    for record in [false, true] {
        assert!(values(&max_pool::composed_forward(&nan, &pool, [1, 1], record).unwrap().0)[0].is_nan(), "{record}");
    }
    assert!(values(&SliceMax.forward(&[&nan.reshape((4, 1)).unwrap()], false).unwrap().output)[0].is_nan());
}

#[test]
fn the_first_slice_wins_a_tie() {
    let features = Tensor::new(&[[1.0_f32, 2.0], [1.0, 3.0], [0.0, 3.0]], &Device::Cpu).unwrap();
    assert_eq!(winning_slices(&features).unwrap(), [0, 1]);
}

#[test]
fn shapes_that_make_no_sense_are_refused_with_a_reason() {
    let conv = Conv2d::new(noise(&[2, 3, 5, 5], 1), None).unwrap();
    assert_eq!(conv.shape(&[&[1, 4, 8, 8]]).unwrap_err(), "it takes 3 channels, not 4");
    assert!(conv.shape(&[&[1, 3, 4, 8]]).unwrap_err().contains("does not fit"));
    assert!(MaxPool2d::square(3, 2, 0, false).shape(&[&[1, 1, 2, 2]]).unwrap_err().contains("fewer than"));
    assert!(Linear::new(noise(&[2, 3], 1), None).unwrap().shape(&[&[1, 4]]).unwrap_err().contains("3 features"));
    assert!(Add.shape(&[&[1, 2], &[1, 3]]).is_err());
    assert!(Relu.shape(&[&[1], &[1]]).is_err());
    assert!(Conv2d::new(noise(&[2, 3, 5, 5], 1), Some(noise(&[3], 1))).is_err());
}
