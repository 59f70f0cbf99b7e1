//! Batch, instance, group, layer and local response normalisation.

use candle_core::{Device, Tensor};

use super::{
    super::{
        super::{kernels, op::Op},
        BatchNorm2d, GroupNorm, InstanceNorm2d, LayerNorm, LocalResponseNorm, norm,
    },
    check_batch, check_over, check_values, difference, gradient, noise, output, sines, values,
};

fn tensor(values: &[f64]) -> Tensor {
    Tensor::new(values, &Device::Cpu).unwrap()
}

const LRN: LocalResponseNorm = LocalResponseNorm { size: 3, alpha: 0.5, beta: 0.75, k: 1.5 };

#[test]
fn gradients_of_normalisations_are_those_of_finite_differences() {
    let images: [&[usize]; 3] = [&[2, 4, 3, 5], &[1, 4, 2, 2], &[3, 4, 6, 1]];
    let channels = |seed| noise(&[4], seed);
    for groups in [1, 2] {
        let group = GroupNorm::new(groups, channels(1), channels(2), 1e-3).unwrap();
        check_over(&group, &images);
        check_over(&group, &[&[2, 4, 7], &[2, 4]]);
        check_batch(&group, &noise(&[3, 4, 2, 3], 9));
    }
    let instance = InstanceNorm2d::new(channels(3), channels(4), 1e-3).unwrap();
    check_over(&instance, &images);
    check_batch(&instance, &noise(&[3, 4, 2, 3], 9));
    for size in [1, 2, 3, 5, 8] {
        let lrn = LocalResponseNorm { size, ..LRN };
        check_over(&lrn, &images);
        check_batch(&lrn, &noise(&[3, 4, 2, 3], 9));
    }
    let layer = LayerNorm::new(vec![5], Some(noise(&[5], 5)), Some(noise(&[5], 6)), 1e-3).unwrap();
    check_over(&layer, &[&[2, 4, 3, 5], &[3, 5], &[1, 2, 5]]);
    check_batch(&layer, &noise(&[3, 2, 5], 9));
    let bare = LayerNorm::new(vec![3, 5], None, None, 1e-3).unwrap();
    check_over(&bare, &[&[2, 4, 3, 5], &[3, 3, 5], &[1, 2, 3, 5]]);
    let features = BatchNorm2d::new(channels(1), channels(2), &channels(3), &(channels(4) + 1.5).unwrap(), 1e-3);
    check_over(&features.unwrap(), &[&[2, 4], &[2, 4, 3], &[2, 4, 3, 2]]);
}

#[test]
fn normalising_kernels_agree_with_their_composition() {
    for (rows, length) in [(6, 35), (1, 1), (2, 20_011)] {
        let matrix = noise(&[rows, length], 1);
        let (normal, scales) = kernels::rows::normalise(&matrix, 1e-3).unwrap();
        let composed = norm::composed_forward(&matrix, 1e-3).unwrap();
        assert!(difference(&normal, &composed.0) < 1e-11 && difference(&scales, &composed.1) < 1e-11);
        let seed = noise(&[rows, length], 2);
        let back = kernels::rows::normalise_vjp(&seed, &normal, &scales).unwrap();
        assert!(difference(&back, &norm::composed_vjp(&seed, &normal, &scales).unwrap()) < 1e-11);
    }
}

/// `torch.nn.functional` of `sin 0, sin 1, …` in float64.
#[test]
fn normalisations_have_the_values_of_pytorch() {
    check_values(
        &LRN,
        &sines(&[1, 4, 1, 2]),
        &[
            0.0,
            0.585_646_165_860_189,
            0.601_946_378_251_39,
            0.091_783_699_441_637,
            -0.498_193_707_756_322,
            -0.636_106_303_231_865,
            -0.195_632_346_844_882,
            0.436_443_427_039_219,
        ],
    );
    let group = GroupNorm::new(2, tensor(&[1.0, 2.0, 3.0, 4.0]), tensor(&[0.0, 0.1, 0.2, 0.3]), 1e-3).unwrap();
    check_values(
        &group,
        &sines(&[1, 4, 1, 2]),
        &[
            -1.160_864_691_872_693,
            0.904_445_175_940_997,
            2.241_837_351_902_453,
            -1.528_998_320_039_062,
            -1.829_578_476_049_74,
            -2.801_061_773_085_406,
            0.653_262_151_586_931,
            6.654_258_180_593_263,
        ],
    );
    let layer = LayerNorm::new(vec![3], Some(tensor(&[1.0, 2.0, 3.0])), Some(tensor(&[0.1, 0.2, 0.3])), 1e-5).unwrap();
    check_values(
        &layer,
        &sines(&[2, 3]),
        &[
            -1.310_999_221_915_955,
            1.447_008_845_559_224,
            2.662_484_397_409_031,
            1.492_960_736_141_905,
            -0.770_209_410_362_634,
            -2.423_568_092_881_764,
        ],
    );
    let instance = InstanceNorm2d::new(tensor(&[1.0, 2.0]), tensor(&[0.1, 0.2]), 1e-5).unwrap();
    check_values(
        &instance,
        &sines(&[1, 2, 1, 3]),
        &[
            -1.310_999_221_915_955,
            0.723_504_422_779_612,
            0.887_494_799_136_344,
            2.985_921_472_283_81,
            -0.770_209_410_362_634,
            -1.615_712_061_921_176,
        ],
    );
}

#[test]
fn a_constant_input_becomes_the_bias_and_nan_stays() {
    let instance = InstanceNorm2d::new(tensor(&[1.0, 2.0]), tensor(&[0.1, 0.2]), 1e-5).unwrap();
    for shape in [[1, 2, 1, 1], [1, 2, 3, 3]] {
        let constant = (Tensor::ones(&shape, candle_core::DType::F64, &Device::Cpu).unwrap() * 7.0).unwrap();
        let flat = values(&output(&instance, &constant));
        let (first, second) = flat.split_at(flat.len() / 2);
        assert!(first.iter().all(|&y| y == 0.1) && second.iter().all(|&y| y == 0.2));
        let back = gradient(&instance, &constant, &noise(&shape, 1));
        assert!(values(&back).iter().all(|g| g.is_finite()));
    }
    let broken = Tensor::new(&[[[[f64::NAN, 1.0]], [[2.0, 3.0]]]], &Device::Cpu).unwrap();
    let found = values(&output(&instance, &broken));
    assert!(found[..2].iter().all(|y| y.is_nan()) && found[2..].iter().all(|y| y.is_finite()));
    assert!(values(&output(&LRN, &broken))[0].is_nan());
}

#[test]
fn weights_that_do_not_fit_are_refused() {
    assert!(GroupNorm::new(3, noise(&[4], 1), noise(&[4], 2), 1e-5).is_err());
    assert!(GroupNorm::new(2, noise(&[4], 1), noise(&[2], 2), 1e-5).is_err());
    assert!(LayerNorm::new(vec![], None, None, 1e-5).is_err());
    assert!(LayerNorm::new(vec![3], Some(noise(&[4], 1)), None, 1e-5).is_err());
    let group = GroupNorm::new(2, noise(&[4], 1), noise(&[4], 2), 1e-5).unwrap();
    assert!(group.shape(&[&[1, 3, 2, 2]]).unwrap_err().contains("4 channels"));
    assert!(LocalResponseNorm { size: 0, ..LRN }.shape(&[&[1, 3, 2, 2]]).is_err());
    let layer = LayerNorm::new(vec![3, 5], None, None, 1e-5).unwrap();
    assert!(layer.shape(&[&[2, 5]]).is_err());
}
