//! Which kernel a layer gets.

use candle_core::Device;

use super::*;

/// What is packed for 3×3 over a picture of so many rows and columns, and for the way back.
fn chosen(channels: [usize; 2], [rows, columns]: [usize; 2], control: &Control) -> [String; 2] {
    let [inputs, outputs] = channels;
    let weight = Tensor::zeros((outputs, inputs, 3, 3), DType::F32, &Device::Cpu).unwrap();
    let conv = Conv2d::new(weight, None).unwrap().padding([1; 2]);
    let tensor = |channels: usize| Tensor::zeros((1, channels, rows, columns), DType::F32, &Device::Cpu).unwrap();
    let sizes = conv.sizes(tensor(inputs).dims()).unwrap();
    let packed = Packed::default();
    let name = |prepared: &Prepared| match &prepared.weights {
        Weights::Winograd(weights) => format!("{:?}", weights.tiling()),
        _ => "plain".to_owned(),
    };
    let forward = packed.forward(&conv, &tensor(inputs), sizes, control).unwrap().unwrap();
    let Some(Back::Flipped { prepared, .. }) = packed.back(&conv, &tensor(outputs), sizes, control).unwrap() else {
        panic!("steps of 1 go back by flipped kernels")
    };
    [name(forward), name(prepared)]
}

#[test]
fn tiles_are_as_large_as_pixels_pay_for() {
    let [small, large] = [Tiling::SMALL, Tiling::large(3)].map(|tiling| format!("{tiling:?}"));
    let (alone, batched) = (Control::default(), Control::default().batched());
    for (size, control, expected) in [
        ([5, 7], &alone, "plain"),
        ([6, 6], &alone, &small),
        ([1, 149], &alone, &small),
        ([10, 15], &alone, &large),
        ([5, 7], &batched, "plain"),
        ([6, 6], &batched, &large),
        ([10, 15], &batched, &large),
    ] {
        assert_eq!(chosen([256, 256], size, control), [expected; 2], "{size:?}");
        // So few weights that plain sums are as quick.
        let few = if expected == small { "plain" } else { expected };
        assert_eq!(chosen([128, 256], size, control), [few; 2], "{size:?}");
    }
}
