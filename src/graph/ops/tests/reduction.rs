//! Reductions, softmax and global maxima.

use candle_core::{Device, Tensor};

use super::{
    super::{
        super::{kernels, op::Op},
        GlobalMaxPool, LogSoftmax, Reduce, Reduction, Softmax, reduce, softmax,
    },
    check_batch, check_gradient, check_over, check_values, difference, gradient, noise, output, sines, values,
};

const KINDS: [Reduction; 9] = [
    Reduction::Mean,
    Reduction::Sum,
    Reduction::Max,
    Reduction::Min,
    Reduction::L1,
    Reduction::L2,
    Reduction::Prod,
    Reduction::SumSquare,
    Reduction::LogSumExp,
];

fn along(kind: Reduction, dimensions: &[usize], keep: bool) -> Reduce {
    Reduce { kind, dimensions: dimensions.to_vec(), keep }
}

#[test]
fn gradients_of_reductions_are_those_of_finite_differences() {
    for kind in KINDS {
        for (dimensions, keep) in [(&[2, 3][..], true), (&[2, 3], false), (&[1], true), (&[3, 1], false), (&[], true)] {
            let op = along(kind, dimensions, keep);
            check_over(&op, &[&[2, 3, 4, 5], &[1, 2, 1, 1], &[3, 1, 2, 7]]);
            check_batch(&op, &noise(&[3, 2, 4, 5], 1));
        }
        check_over(&along(kind, &[1], false), &[&[2, 9], &[3, 1, 4], &[1, 17]]);
        check_over(&along(kind, &[0, 1], false), &[&[2, 9]]);
    }
    check_over(&GlobalMaxPool, &[&[2, 3, 4, 5], &[1, 2, 1, 1], &[3, 1, 2, 7]]);
    check_batch(&GlobalMaxPool, &noise(&[3, 2, 4, 5], 2));
}

#[test]
fn gradients_of_softmax_are_those_of_finite_differences() {
    for (shape, dimension) in [(&[3, 7][..], 1), (&[2, 5, 3, 4], 1), (&[2, 3, 4], 2), (&[2, 1], 1)] {
        check_over(&Softmax { dimension }, &[shape]);
        check_over(&LogSoftmax { dimension }, &[shape]);
        check_batch(&Softmax { dimension }, &noise(shape, 3));
    }
}

#[test]
fn row_kernels_agree_with_their_composition() {
    for (rows, length) in [(5, 37), (3, 1), (1, 64), (2, 20_011)] {
        let matrix = noise(&[rows, length], 4);
        for kind in KINDS {
            let kernel = kernels::rows::reduce(kind, &matrix).unwrap();
            let composed = reduce::composed(kind, &matrix).unwrap();
            assert!(difference(&kernel, &composed) < 1e-10, "{kind:?}");
        }
        let seed = noise(&[rows, length], 5);
        for logarithm in [false, true] {
            let kernel = kernels::rows::softmax(&matrix, logarithm).unwrap();
            assert!(difference(&kernel, &softmax::composed_forward(&matrix, logarithm).unwrap()) < 1e-12);
            let back = kernels::rows::softmax_vjp(&seed, &kernel, logarithm).unwrap();
            assert!(difference(&back, &softmax::composed_vjp(&seed, &kernel, logarithm).unwrap()) < 1e-10);
        }
        // Few levels, so that there are ties, and a NaN.
        let mut ties = values(&(matrix * 2.0).unwrap().round().unwrap());
        ties[length / 2] = f64::NAN;
        let ties = Tensor::from_vec(ties, (rows, length), &Device::Cpu).unwrap();
        for largest in [false, true] {
            let kernel = kernels::rows::winners(&ties, largest).unwrap().to_vec2::<u32>().unwrap();
            assert_eq!(kernel, reduce::composed_winners(&ties, largest).unwrap().to_vec2::<u32>().unwrap());
            assert_eq!(kernel[0], [(length / 2) as u32]);
        }
    }
}

/// `torch.softmax`, `log_softmax` and `logsumexp` of `sin 0, sin 1, …` in float64.
#[test]
fn softmax_and_its_like_have_the_values_of_pytorch() {
    check_values(
        &Softmax { dimension: 1 },
        &sines(&[1, 3, 2]),
        &[
            0.253_052_962_918_795,
            0.601_813_404_735_673,
            0.628_223_649_750_405,
            0.298_746_820_826_081,
            0.118_723_387_330_8,
            0.099_439_774_438_246,
        ],
    );
    check_values(
        &LogSoftmax { dimension: 1 },
        &sines(&[1, 3, 2]),
        &[
            -1.374_156_472_563_115,
            -0.507_807_840_631_35,
            -0.464_859_045_737_433,
            -1.208_158_817_379_379,
            -2.130_958_967_871_043,
            -2.308_203_100_102_385,
        ],
    );
    check_values(
        &along(Reduction::LogSumExp, &[1], false),
        &sines(&[2, 3]),
        &[1.758_263_792_541_364, 0.695_161_159_921_74],
    );
}

#[test]
fn extremes_take_the_first_of_equal_numbers_and_zeros_give_no_nan() {
    let constant = Tensor::zeros((1, 1, 2, 3), candle_core::DType::F32, &Device::Cpu).unwrap();
    let one = Tensor::ones((1, 1, 1, 1), candle_core::DType::F32, &Device::Cpu).unwrap();
    let first = [1.0, 0.0, 0.0, 0.0, 0.0, 0.0];
    assert_eq!(values(&gradient(&GlobalMaxPool, &constant, &one)), first);
    for kind in [Reduction::Max, Reduction::Min] {
        assert_eq!(values(&gradient(&along(kind, &[2, 3], true), &constant, &one)), first);
    }
    for kind in [Reduction::L1, Reduction::L2, Reduction::Prod, Reduction::SumSquare] {
        assert_eq!(values(&gradient(&along(kind, &[2, 3], true), &constant, &one)), [0.0; 6], "{kind:?}");
    }
    // A product with one zero depends on that one alone.
    let factors = Tensor::new(&[[2.0_f32, 0.0, 5.0]], &Device::Cpu).unwrap();
    let seed = Tensor::new(&[[1.0_f32]], &Device::Cpu).unwrap();
    assert_eq!(values(&gradient(&along(Reduction::Prod, &[1], true), &factors, &seed)), [0.0, 10.0, 0.0]);
}

#[test]
fn reductions_keep_nan_and_softmax_survives_large_numbers() {
    let broken = Tensor::new(&[[1.0_f32, f32::NAN, 3.0]], &Device::Cpu).unwrap();
    for kind in KINDS {
        assert!(values(&output(&along(kind, &[1], true), &broken))[0].is_nan(), "{kind:?}");
    }
    assert!(values(&output(&Softmax { dimension: 1 }, &broken))[0].is_nan());
    let large = Tensor::new(&[[1e4_f32, -1e4, 1e4]], &Device::Cpu).unwrap();
    assert_eq!(values(&output(&Softmax { dimension: 1 }, &large)), [0.5, 0.0, 0.5]);
    check_gradient(&Softmax { dimension: 1 }, &[Tensor::new(&[[0.5, 0.5, 0.5]], &Device::Cpu).unwrap()]);
}

#[test]
fn dimensions_that_are_not_there_are_refused() {
    assert!(along(Reduction::Sum, &[2], true).shape(&[&[1, 2]]).unwrap_err().contains("dimension 2"));
    assert!(along(Reduction::Sum, &[1, 1], true).shape(&[&[1, 2]]).unwrap_err().contains("twice"));
    assert!(Softmax { dimension: 3 }.shape(&[&[1, 2]]).is_err());
    assert!(GlobalMaxPool.shape(&[&[1, 2]]).is_err());
    assert_eq!(along(Reduction::Mean, &[1, 3], false).shape(&[&[2, 3, 4, 5]]).unwrap(), [2, 4]);
}
