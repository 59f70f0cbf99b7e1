//! Transposed convolutions, matrix products of two inputs, rectifiers with learned slopes, and what they cost.

use candle_core::{Device, Tensor};

use super::{
    super::{
        super::{Control, kernels, op::Op},
        Conv2d, ConvTranspose2d, Linear, MatMul, PRelu, conv,
    },
    check_batch, check_gradient, check_over, check_values, difference, noise, sines,
};

fn transposed(inputs: usize, outputs: usize, kernel: [usize; 2], groups: usize) -> ConvTranspose2d {
    let weight = noise(&[inputs, outputs / groups, kernel[0], kernel[1]], 1);
    ConvTranspose2d::new(weight, Some(noise(&[outputs], 2))).unwrap().groups(groups)
}

fn transposed_convolutions() -> [ConvTranspose2d; 7] {
    [
        transposed(4, 3, [2, 2], 1).stride([2, 2]),
        transposed(4, 3, [3, 3], 1).stride([2, 2]).padding([1, 1]).output_padding([1, 1]),
        transposed(4, 6, [4, 3], 2).stride([2, 3]).padding([1, 0]).padding_end([2, 1]),
        transposed(4, 4, [3, 3], 4).padding([1, 1]),
        transposed(4, 2, [3, 2], 1).dilation([2, 3]).padding([2, 1]),
        transposed(4, 2, [2, 2], 1).dilation([3, 3]).output_padding([2, 1]),
        transposed(4, 5, [1, 1], 1).stride([3, 3]),
    ]
}

#[test]
fn gradients_of_transposed_convolutions_are_those_of_finite_differences() {
    for op in transposed_convolutions() {
        check_over(&op, &[&[2, 4, 5, 6], &[1, 4, 2, 3], &[3, 4, 4, 2]]);
        check_batch(&op, &noise(&[3, 4, 3, 4], 4));
    }
    check_over(&transposed(4, 3, [2, 2], 1).stride([2, 2]), &[&[1, 4, 1, 1]]);
}

#[test]
fn transposed_convolutions_agree_with_their_composition() {
    for op in transposed_convolutions() {
        let input = noise(&[2, 4, 5, 6], 5);
        let sizes = op.sizes(input.dims()).unwrap();
        let kernel = kernels::conv::vjp(&op.conv, &input, sizes, &Control::default()).unwrap();
        assert!(difference(&kernel, &conv::composed_vjp(&op.conv, &input, sizes).unwrap()) < 1e-12, "{op:?}");
        let back = kernels::conv::forward(&op.conv, &kernel, sizes, &Control::default()).unwrap();
        let [rows, columns] = sizes.output;
        let composed = conv::composed_forward(&op.conv, &kernel).unwrap();
        let composed = composed.narrow(2, 0, rows).unwrap().narrow(3, 0, columns).unwrap();
        assert!(difference(&back, &composed) < 1e-12, "{op:?}");
    }
}

/// `torch.nn.functional` of `sin 0, sin 1, …` in float64.
#[test]
fn transposed_convolutions_and_slopes_have_the_values_of_pytorch() {
    let bias = Tensor::new(&[0.5, -0.5], &Device::Cpu).unwrap();
    let op = ConvTranspose2d::new(sines(&[2, 1, 3, 2]), Some(bias)).unwrap();
    let op = op.stride([2, 1]).padding([1, 0]).output_padding([1, 0]).groups(2);
    check_values(
        &op,
        &sines(&[1, 2, 1, 2]),
        &[
            0.5,
            1.265_147_401_234_293,
            0.618_748_392_158_235,
            0.5,
            -0.136_827_341_031_836,
            -0.306_906_953_756_989,
            0.399_620_907_863_409,
            0.014_356_521_915_215,
            -0.441_841_836_041_063,
            -0.994_676_996_270_553,
            -1.486_060_785_220_882,
            -0.641_118_626_008_224,
        ],
    );
    let slopes = PRelu::new(Tensor::new(&[[[0.1]], [[0.2]]], &Device::Cpu).unwrap()).unwrap();
    let input = (sines(&[1, 2, 2]) - 0.5).unwrap();
    check_values(&slopes, &input, &[-0.05, 0.341_470_984_807_897, 0.409_297_426_825_682, -0.071_775_998_388_027]);
}

#[test]
fn gradients_of_matrix_products_are_those_of_finite_differences() {
    for [a, b] in [
        [&[2, 3][..], &[3, 4]],
        [&[2, 3, 4], &[2, 4, 5]],
        [&[2, 3, 4], &[4, 5]],
        [&[3, 4], &[2, 4, 5]],
        [&[2, 1, 3, 4], &[1, 5, 4, 2]],
        [&[1, 1], &[1, 1]],
    ] {
        check_gradient(&MatMul, &[noise(a, 6), noise(b, 7)]);
    }
    assert!(MatMul.shape(&[&[2, 3], &[4, 5]]).unwrap_err().contains("columns of 4"));
    assert!(MatMul.shape(&[&[2], &[2, 5]]).is_err());
}

#[test]
fn gradients_of_learned_slopes_are_those_of_finite_differences() {
    check_over(&PRelu::new(noise(&[3, 1, 1], 8)).unwrap(), &[&[2, 3, 4, 5], &[1, 3, 1, 1], &[2, 3]]);
    check_over(&PRelu::new(noise(&[1], 9)).unwrap(), &[&[2, 3, 4, 5], &[1, 4, 1], &[2, 3]]);
    assert!(PRelu::new(noise(&[3], 8)).unwrap().shape(&[&[1, 4, 2, 2]]).is_err());
}

/// Counted by hand.
#[test]
fn multiplications_are_counted_as_in_the_literature() {
    let conv = Conv2d::new(noise(&[8, 2, 3, 3], 1), None).unwrap().groups(2).padding([1, 1]);
    assert_eq!(conv.macs(&[&[1, 4, 5, 5]], &[1, 8, 5, 5]), 8 * 25 * 2 * 9);
    // Each input element meets each place of the kernel once for each output channel of its group.
    let up = transposed(4, 6, [2, 2], 2);
    assert_eq!(up.macs(&[&[1, 4, 5, 5]], &[1, 6, 6, 6]), 4 * 25 * 3 * 4);
    let linear = Linear::new(noise(&[10, 7], 1), None).unwrap();
    assert_eq!(linear.macs(&[&[2, 3, 7]], &[2, 3, 10]), 2 * 3 * 10 * 7);
    assert_eq!(MatMul.macs(&[&[2, 3, 4], &[2, 4, 5]], &[2, 3, 5]), 2 * 3 * 4 * 5);
}

#[test]
fn transposed_convolutions_that_make_no_sense_are_refused() {
    let op = transposed(4, 3, [2, 2], 1);
    assert_eq!(op.shape(&[&[1, 3, 5, 5]]).unwrap_err(), "it takes 4 channels, not 3");
    let error = |op: ConvTranspose2d| op.shape(&[&[1, 4, 2, 2]]).unwrap_err();
    assert!(error(transposed(4, 3, [2, 2], 1).output_padding([1, 0])).contains("more at the end"));
    assert!(error(transposed(4, 3, [2, 2], 1).padding([2, 2])).contains("nothing is left"));
    assert!(error(ConvTranspose2d::new(noise(&[4, 3, 2, 2], 1), Some(noise(&[4], 1))).unwrap()).contains("bias"));
}
