//! Padding, slicing, resizing, and other orders and shapes.

use candle_core::{Device, Tensor};

use super::{
    super::{
        super::{kernels, op::Op},
        Coordinates, DepthMode, DepthToSpace, Expand, Pad, PadMode, Reshape, Resize, ResizeMode, ResizeTo, Rounding,
        Slice, Transpose, resize,
    },
    check_batch, check_over, check_values, difference, noise, output, sines, values,
};

fn pad(amounts: &[[i64; 2]], mode: PadMode) -> Pad {
    Pad { amounts: amounts.to_vec(), mode }
}

#[test]
fn gradients_of_padding_and_slices_are_those_of_finite_differences() {
    let shapes: [&[usize]; 3] = [&[2, 3, 4, 5], &[1, 2, 3, 3], &[3, 1, 6, 4]];
    for mode in [PadMode::Constant(0.0), PadMode::Constant(-2.5), PadMode::Edge, PadMode::Reflect] {
        let op = pad(&[[0, 0], [0, 0], [2, 1], [0, 2]], mode);
        check_over(&op, &shapes);
        check_batch(&op, &noise(&[3, 2, 4, 5], 1));
        check_over(&pad(&[[0, 0], [0, 0], [-1, 2], [1, -2]], mode), &shapes);
        check_over(&pad(&[[0, 0]; 4], mode), &shapes);
    }
    check_over(&pad(&[[0, 0], [0, 0], [1, 3], [2, 0]], PadMode::Edge), &[&[1, 2, 1, 1]]);
    for (start, end, step) in
        [(1, 3, 1), (0, i64::MAX, 1), (-2, i64::MAX, 1), (0, -1, 2), (-1, i64::MIN, -1), (2, 0, -2)]
    {
        for dimension in [2, 3] {
            check_over(&Slice { dimension, start, end, step }, &shapes);
        }
    }
}

#[test]
fn gradients_of_orders_and_shapes_are_those_of_finite_differences() {
    check_over(&Transpose { order: vec![0, 2, 3, 1] }, &[&[2, 3, 4, 5], &[1, 2, 1, 1], &[3, 1, 2, 7]]);
    check_over(&Transpose { order: vec![1, 2, 0] }, &[&[2, 3, 4], &[1, 2, 1], &[3, 1, 2]]);
    check_over(&Reshape { shape: vec![0, -1] }, &[&[2, 3, 4, 5], &[1, 2], &[3, 1, 2]]);
    check_over(&Reshape { shape: vec![0, 2, -1, 3] }, &[&[2, 6, 4], &[1, 2, 3], &[3, 12]]);
    check_over(&Expand { shape: vec![4, 1] }, &[&[2, 3, 1, 5], &[1, 1], &[3, 4, 2]]);
    check_over(&Expand { shape: vec![2, 3, 2, 2] }, &[&[2, 3, 1, 1], &[1, 1], &[3, 2, 1]]);
    for mode in [DepthMode::BlockFirst, DepthMode::ChannelFirst] {
        let op = DepthToSpace { block: 2, mode };
        check_over(&op, &[&[2, 8, 3, 5], &[1, 4, 1, 1], &[3, 12, 2, 1]]);
        check_batch(&op, &noise(&[3, 8, 2, 3], 1));
    }
}

const COORDINATES: [Coordinates; 4] =
    [Coordinates::HalfPixel, Coordinates::PytorchHalfPixel, Coordinates::AlignCorners, Coordinates::Asymmetric];

fn resizings() -> impl Iterator<Item = Resize> {
    let modes = [
        ResizeMode::Nearest(Rounding::Floor),
        ResizeMode::Nearest(Rounding::Ceil),
        ResizeMode::Nearest(Rounding::PreferFloor),
        ResizeMode::Nearest(Rounding::PreferCeil),
        ResizeMode::Linear,
        ResizeMode::Cubic { a: -0.75 },
    ];
    let outputs = [ResizeTo::Scales([2.0, 2.0]), ResizeTo::Scales([1.5, 3.7]), ResizeTo::Size([1, 3])];
    modes.into_iter().flat_map(move |mode| {
        outputs.into_iter().flat_map(move |output| {
            COORDINATES.into_iter().map(move |coordinates| Resize { output, mode, coordinates })
        })
    })
}

#[test]
fn gradients_of_resizing_are_those_of_finite_differences() {
    for op in resizings() {
        check_over(&op, &[&[2, 3, 4, 5], &[1, 2, 1, 1], &[1, 1, 3, 7]]);
        check_batch(&op, &noise(&[3, 2, 4, 5], 1));
    }
}

#[test]
fn resizing_kernels_agree_with_their_composition() {
    for op in resizings() {
        let input = noise(&[2, 3, 6, 5], 2);
        let taps = op.taps(input.dims()).unwrap();
        let kernel = kernels::resize::forward(&input, &taps).unwrap();
        assert!(difference(&kernel, &resize::composed_forward(&input, &taps).unwrap()) < 1e-12, "{op:?}");
        let seed = noise(kernel.dims(), 3);
        let back = kernels::resize::vjp(&seed, &taps, [6, 5]).unwrap();
        assert!(difference(&back, &resize::composed_vjp(&seed, &taps, [6, 5]).unwrap()) < 1e-12, "{op:?}");
    }
}

/// `torch.nn.functional.interpolate` of `sin 0, sin 1, …` in float64.
#[test]
fn resizing_has_the_values_of_pytorch() {
    let input = sines(&[1, 1, 2, 3]);
    let resize = |output, mode, coordinates| Resize { output, mode, coordinates };
    let twice = resize(ResizeTo::Scales([2.0, 2.0]), ResizeMode::Linear, Coordinates::HalfPixel);
    let upper = output(&twice, &input).narrow(2, 0, 2).unwrap();
    let expected = [
        0.0,
        0.210_367_746_201_974,
        0.631_103_238_605_922,
        0.858_427_595_312_343,
        0.892_340_816_321_235,
        0.909_297_426_825_682,
        0.035_280_002_014_967,
        0.136_935_655_205_96,
        0.340_246_961_587_947,
        0.441_987_461_447_574,
        0.442_157_154_784_843,
        0.442_242_001_453_477,
    ];
    assert!(values(&upper).iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-13));
    check_values(
        &resize(ResizeTo::Size([3, 4]), ResizeMode::Linear, Coordinates::AlignCorners),
        &input,
        &[
            0.0,
            0.560_980_656_538_598,
            0.864_079_798_813_825,
            0.909_297_426_825_682,
            0.070_560_004_029_934,
            0.051_742_831_176_634,
            0.019_951_688_527_08,
            -0.024_813_423_918_728,
            0.141_120_008_059_867,
            -0.457_494_994_185_33,
            -0.824_176_421_759_665,
            -0.958_924_274_663_138,
        ],
    );
    let cubic = ResizeMode::Cubic { a: -0.75 };
    check_values(
        &resize(ResizeTo::Size([3, 2]), cubic, Coordinates::HalfPixel),
        &input,
        &[
            0.209_395_878_756_832,
            1.085_684_652_961_398,
            0.066_525_765_669_705,
            -0.010_592_592_085_659,
            -0.076_344_347_417_423,
            -1.106_869_837_132_717,
        ],
    );
    let nearest = ResizeMode::Nearest(Rounding::Floor);
    let [a, b, c] = [0.0, 0.841_470_984_807_897, 0.909_297_426_825_682];
    let [d, e, f] = [0.141_120_008_059_867, -0.756_802_495_307_928, -0.958_924_274_663_138];
    check_values(
        &resize(ResizeTo::Scales([1.5, 1.5]), nearest, Coordinates::Asymmetric),
        &input,
        &[a, a, b, c, a, a, b, c, d, d, e, f],
    );
}

fn row(op: &dyn Op, input: &[f64]) -> Vec<f64> {
    values(&output(op, &Tensor::from_vec(input.to_vec(), (1, input.len()), &Device::Cpu).unwrap()))
}

#[test]
fn borders_and_slices_hold_what_they_should() {
    let border = |before, after, mode| row(&pad(&[[0, 0], [before, after]], mode), &[1.0, 2.0, 3.0, 4.0]);
    assert_eq!(border(1, 2, PadMode::Constant(9.0)), [9.0, 1.0, 2.0, 3.0, 4.0, 9.0, 9.0]);
    assert_eq!(border(2, -1, PadMode::Constant(f64::NEG_INFINITY))[..3], [f64::NEG_INFINITY, f64::NEG_INFINITY, 1.0]);
    assert_eq!(border(2, 3, PadMode::Reflect), [3.0, 2.0, 1.0, 2.0, 3.0, 4.0, 3.0, 2.0, 1.0]);
    assert_eq!(border(2, -2, PadMode::Edge), [1.0, 1.0, 1.0, 2.0]);
    assert_eq!(border(-1, 1, PadMode::Edge), [2.0, 3.0, 4.0, 4.0]);
    let slice = |start, end, step| row(&Slice { dimension: 1, start, end, step }, &[0.0, 1.0, 2.0, 3.0, 4.0]);
    assert_eq!(slice(1, 4, 1), [1.0, 2.0, 3.0]);
    assert_eq!(slice(-2, i64::MAX, 1), [3.0, 4.0]);
    assert_eq!(slice(0, -1, 2), [0.0, 2.0]);
    assert_eq!(slice(-1, i64::MIN, -1), [4.0, 3.0, 2.0, 1.0, 0.0]);
    assert_eq!(slice(99, 0, -2), [4.0, 2.0]);
    let blocks = Tensor::arange(0_f64, 8.0, &Device::Cpu).unwrap().reshape((1, 8, 1, 1)).unwrap();
    let depth = |mode| values(&output(&DepthToSpace { block: 2, mode }, &blocks));
    assert_eq!(depth(DepthMode::ChannelFirst), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
    assert_eq!(depth(DepthMode::BlockFirst), [0.0, 2.0, 4.0, 6.0, 1.0, 3.0, 5.0, 7.0]);
}

#[test]
fn nan_passes_through() {
    let broken = Tensor::full(f32::NAN, (1, 4, 2, 2), &Device::Cpu).unwrap();
    let ops: [&dyn Op; 6] = [
        &pad(&[[0, 0], [0, 0], [1, 1], [1, 1]], PadMode::Reflect),
        &Slice { dimension: 2, start: 1, end: 2, step: 1 },
        &Transpose { order: vec![0, 2, 3, 1] },
        &Resize { output: ResizeTo::Size([3, 3]), mode: ResizeMode::Linear, coordinates: Coordinates::HalfPixel },
        &Reshape { shape: vec![0, -1] },
        &DepthToSpace { block: 2, mode: DepthMode::BlockFirst },
    ];
    for op in ops {
        assert!(values(&output(op, &broken)).iter().all(|y| y.is_nan()), "{op:?}");
    }
}

#[test]
fn shapes_that_cannot_be_are_refused() {
    let shape = [2, 3, 4, 5];
    let error = |op: &dyn Op| op.shape(&[&shape]).unwrap_err();
    assert!(error(&pad(&[[0, 0]; 3], PadMode::Edge)).contains("3 dimensions"));
    assert!(error(&pad(&[[0, 0], [0, 0], [4, 0], [0, 0]], PadMode::Reflect)).contains("padded by 4"));
    assert!(error(&pad(&[[0, 0], [0, 0], [-2, -2], [0, 0]], PadMode::Edge)).contains("padded by -2"));
    assert!(error(&pad(&[[0, 0], [0, 0], [i64::MAX, i64::MAX], [0, 0]], PadMode::Edge)).contains("padded"));
    assert!(error(&Slice { dimension: 4, start: 0, end: 1, step: 1 }).contains("dimension 4"));
    assert!(error(&Slice { dimension: 1, start: 2, end: 1, step: 1 }).contains("no elements"));
    assert!(error(&Slice { dimension: 1, start: 0, end: 1, step: 0 }).contains("step of 0"));
    assert!(error(&Transpose { order: vec![0, 1, 1, 3] }).contains("no order"));
    assert!(error(&Reshape { shape: vec![-1, -1] }).contains("only one"));
    assert!(error(&Reshape { shape: vec![7, -1] }).contains("cannot have the shape"));
    assert!(error(&Reshape { shape: vec![i64::MAX, i64::MAX] }).contains("cannot have the shape"));
    assert!(error(&Expand { shape: vec![2] }).contains("do not stretch"));
    assert!(error(&DepthToSpace { block: 2, mode: DepthMode::BlockFirst }).contains("3 channels"));
    assert!(error(&DepthToSpace { block: 0, mode: DepthMode::BlockFirst }).contains("blocks of 0"));
    for scales in [[0.1, 1.0], [f64::NAN, 1.0], [1.0, 1e30], [1.0, -2.0]] {
        let op =
            Resize { output: ResizeTo::Scales(scales), mode: ResizeMode::Linear, coordinates: Coordinates::HalfPixel };
        assert!(error(&op).contains("cannot become"), "{scales:?}");
    }
    assert_eq!(Reshape { shape: vec![0, -1] }.shape(&[&shape]).unwrap(), [2, 60]);
}
