//! Large dense layers whose weights are kept in 16 bits.

use super::super::tests::noise;
use super::*;
use crate::graph::{Control, Precision};

/// Odd sizes, just large enough to be streamed.
const SIZES: (usize, usize) = (1031, 1021);

/// A large layer in `f32`, with weights in −1..1.
fn layer() -> Linear {
    let weight = noise(&[SIZES.0, SIZES.1], 1).to_dtype(DType::F32).unwrap();
    let layer = Linear::new(weight, Some(noise(&[SIZES.0], 2).to_dtype(DType::F32).unwrap())).unwrap();
    assert!(layer.is_large());
    layer
}

/// The same layer in `f64`, with the weights as they are kept.
fn precisely(layer: &Linear) -> Linear {
    let of = |tensor: &Tensor| tensor.to_dtype(DType::F64).unwrap();
    Linear::new(of(layer.weight()), layer.bias().map(of)).unwrap()
}

fn values(tensor: &Tensor) -> Vec<f64> {
    tensor.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

/// The greatest difference as a part of the greatest value.
fn off(found: &Tensor, expected: &Tensor) -> f64 {
    assert_eq!(found.dims(), expected.dims());
    let (found, expected) = (values(found), values(expected));
    let largest = expected.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    let difference = found.iter().zip(&expected).fold(0.0_f64, |most, (a, b)| most.max((a - b).abs()));
    difference / largest
}

fn forward(layer: &Linear, rows: &Tensor, control: &Control) -> Tensor {
    layer.forward_under(&[rows], false, control).unwrap().output
}

fn back(layer: &Linear, gradient: &Tensor, control: &Control) -> Tensor {
    let saved = Saved { inputs: Vec::new(), state: Vec::new() };
    layer.vjp_under(gradient, 0, &saved, Rule::Gradient, control).unwrap()
}

#[test]
fn their_steps_are_those_of_the_weights_as_they_are_kept() {
    let controls = [Control::default(), Control::default().at(Precision::Exact)];
    for kind in [DType::F16, DType::BF16] {
        let narrow = layer().narrowed(kind).unwrap();
        let precise = precisely(&narrow);
        for shape in [&[1][..], &[3], &[2, 5]] {
            let (rows, gradient) = (noise(&[shape, &[SIZES.1]].concat(), 3), noise(&[shape, &[SIZES.0]].concat(), 4));
            let outputs = forward(&precise, &rows, &Control::default());
            let inputs = back(&precise, &gradient, &Control::default());
            for control in &controls {
                let single = |tensor: &Tensor| tensor.to_dtype(DType::F32).unwrap();
                // Sums of 1000 products in `f32`; all of it rounding of sums and rows, none of weights.
                assert!(off(&forward(&narrow, &single(&rows), control), &outputs) < 2e-6, "{kind:?}");
                assert!(off(&back(&narrow, &single(&gradient), control), &inputs) < 2e-6, "{kind:?}");
                // In a network of `f64` the weights are widened, exactly.
                let wide = Linear::new(narrow.weight().clone(), precise.bias().cloned()).unwrap();
                assert!(off(&forward(&wide, &rows, control), &outputs) < 1e-14, "{kind:?}");
                assert!(off(&back(&wide, &gradient, control), &inputs) < 1e-14, "{kind:?}");
            }
        }
    }
}

#[test]
fn weights_take_half_of_the_memory_and_are_rounded_to_the_nearest() {
    let layer = layer();
    let was = values(layer.weight());
    // Half of the last place: 11 and 8 binary digits.
    for (kind, digits) in [(DType::F16, 11), (DType::BF16, 8)] {
        let narrow = layer.narrowed(kind).unwrap();
        assert_eq!((narrow.weight().dtype(), kind.size_in_bytes()), (kind, 2));
        assert_eq!(narrow.weight().dims(), layer.weight().dims());
        assert_eq!(values(narrow.bias().unwrap()), values(layer.bias().unwrap()));
        let is = values(narrow.weight());
        // Numbers below 2⁻¹⁴, which `f16` has only whole parts of 2⁻²⁴ of, are off by half of that at most.
        let near = |was: f64, is: f64| (was - is).abs() <= (was.abs() * 2_f64.powi(-digits)).max(2_f64.powi(-25));
        assert!(was.iter().zip(&is).all(|(&was, &is)| near(was, is)), "{kind:?}");
        assert!(was != is);
    }
    // In the middle to the even one: 1 + 2⁻¹¹ lies between 1 and 1 + 2⁻¹⁰, 1 + 3·2⁻¹¹ between that and 1 + 2⁻⁹.
    let (one, last) = (1.0_f32, 2_f32.powi(-10));
    let middles = Tensor::new(&[[one + last / 2.0, one + 1.5 * last]], &candle_core::Device::Cpu).unwrap();
    let narrow = Linear::new(middles, None).unwrap().narrowed(DType::F16).unwrap();
    assert_eq!(values(narrow.weight()), [1.0, f64::from(one + 2.0 * last)]);
}

#[test]
fn weights_that_16_bits_hold_change_nothing_at_all() {
    for kind in [DType::F16, DType::BF16] {
        let narrow = layer().narrowed(kind).unwrap();
        let wide = Linear::new(narrow.weight().to_dtype(DType::F32).unwrap(), narrow.bias().cloned()).unwrap();
        let [rows, gradient] =
            [(SIZES.1, 5), (SIZES.0, 6)].map(|(length, seed)| noise(&[2, length], seed).to_dtype(DType::F32).unwrap());
        let control = Control::default();
        assert_eq!(values(&forward(&narrow, &rows, &control)), values(&forward(&wide, &rows, &control)));
        assert_eq!(values(&back(&narrow, &gradient, &control)), values(&back(&wide, &gradient, &control)));
    }
}

#[test]
fn weights_that_16_bits_cannot_hold_are_refused_by_place() {
    let refused = |value: f32, kind: DType| {
        let weight = Tensor::new(&[[0.0, 1.0, 2.0], [3.0, value, 4.0]], &candle_core::Device::Cpu).unwrap();
        Linear::new(weight, None).unwrap().narrowed(kind).err().map(|error| error.to_string())
    };
    for held in [65504.0, -65504.0, 1e-30, 0.0] {
        assert_eq!(refused(held, DType::F16), None, "{held}");
    }
    assert_eq!(refused(3.38e38, DType::BF16), None);
    for (value, kind, words) in [
        (65505.0, DType::F16, "is 65505, but f16 ends at 65504"),
        (-70000.0, DType::F16, "is -70000, but f16 ends at 65504"),
        (f32::MAX, DType::BF16, "but bf16 ends at"),
        (f32::NAN, DType::F16, "is NaN, which is no finite number"),
        (f32::NAN, DType::BF16, "is NaN, which is no finite number"),
        (f32::NEG_INFINITY, DType::F16, "is -inf, which is no finite number"),
        (f32::INFINITY, DType::BF16, "is inf, which is no finite number"),
    ] {
        let reason = refused(value, kind).unwrap();
        assert!(reason.contains("output 1 for input 1") && reason.contains(words), "{reason}");
    }
    assert!(refused(1.0, DType::F32).unwrap().contains("16 bits"));
}

#[test]
fn a_cancelled_step_is_an_error() {
    let (narrow, control) = (layer().narrowed(DType::F16).unwrap(), Control::default());
    control.cancel();
    let rows = noise(&[1, SIZES.1], 3).to_dtype(DType::F32).unwrap();
    assert!(narrow.forward_under(&[&rows], false, &control).is_err());
}
