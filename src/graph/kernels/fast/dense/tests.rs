//! Dense layers against sums in `f64` of the weights as they are kept, with every set of instructions.

use half::{bf16, f16};

use super::super::tests::{PLAIN, noise};
use super::*;

/// The weights of a test in this type, and what they are exactly.
fn kept<W: Weight>(values: &[f32], round: fn(f32) -> W, exactly: fn(W) -> f64) -> (Vec<W>, Vec<f64>) {
    let weight: Vec<W> = values.iter().copied().map(round).collect();
    let exact = weight.iter().copied().map(exactly).collect();
    (weight, exact)
}

fn both_ways<W: Weight>(round: fn(f32) -> W, exactly: fn(W) -> f64) {
    for (count, inputs, outputs) in [(1, 1, 1), (1, 17, 5), (3, 130, 7), (6, 5000, 33), (2, 2049, 300)] {
        let (weight, exact) = kept(&noise(inputs * outputs, 1), round, exactly);
        let bias = noise(outputs, 2);
        let (rows, mut gradient) = (noise(count * inputs, 3), noise(count * outputs, 4));
        gradient[0] = 0.0;
        for isa in Isa::all() {
            let found = forward(isa, &rows, &weight, inputs, &bias, &Control::default());
            assert_eq!(found.len(), count * outputs);
            for (place, found) in found.iter().enumerate() {
                let (row, output) = (place / outputs, place % outputs);
                let product = |i: usize| f64::from(rows[row * inputs + i]) * exact[output * inputs + i];
                let expected = f64::from(bias[output]) + (0..inputs).map(product).sum::<f64>();
                assert!((f64::from(*found) - expected).abs() < PLAIN * (inputs as f64).sqrt() * 4.0, "{isa:?}");
            }
            let found = back(isa, &gradient, &weight, inputs, &Control::default());
            assert_eq!(found.len(), count * inputs);
            for (place, found) in found.iter().enumerate() {
                let (row, input) = (place / inputs, place % inputs);
                let product = |o: usize| f64::from(gradient[row * outputs + o]) * exact[o * inputs + input];
                let expected: f64 = (0..outputs).map(product).sum();
                assert!((f64::from(*found) - expected).abs() < PLAIN * 100.0, "{isa:?}");
            }
        }
    }
}

#[test]
fn they_are_the_plain_sums_both_ways() {
    both_ways(|value| value, f64::from);
}

#[test]
fn weights_of_16_bits_are_summed_as_they_are() {
    both_ways(f16::from_f32, f64::from);
    both_ways(bf16::from_f32, f64::from);
}

/// What `add` makes of `0 + 1 · weight + 0 · 0 + …`: the weight itself, but that −0 becomes 0.
fn read<W: Weight>(isa: Isa, weights: &[W]) -> Vec<f32> {
    let (mut sums, nothing) = (vec![0.0; weights.len()], vec![W::default(); weights.len()]);
    add(isa, &mut sums, [0.0, 1.0, 0.0, 0.0], [&nothing, weights, &nothing, &nothing]);
    sums
}

#[test]
fn every_number_of_16_bits_is_widened_without_rounding() {
    // By the formats' definitions: exponent and fraction, with their biases and widths.
    let by_definition = |bits: u16, fraction_bits: i32, bias: i32| {
        let (sign, rest) = (if bits >> 15 == 1 { -1.0 } else { 1.0 }, i32::from(bits & 0x7FFF));
        let (exponent, fraction) = (rest >> fraction_bits, f64::from(rest & ((1 << fraction_bits) - 1)));
        let fraction = fraction / f64::from(1 << fraction_bits);
        let all_ones = (1 << (15 - fraction_bits)) - 1;
        sign * match exponent {
            0 => fraction * 2_f64.powi(1 - bias),
            _ if exponent == all_ones && fraction > 0.0 => f64::NAN,
            _ if exponent == all_ones => f64::INFINITY,
            _ => (1.0 + fraction) * 2_f64.powi(exponent - bias),
        }
    };
    let same = |found: f32, expected: f64| f64::from(found) == expected || (found.is_nan() && expected.is_nan());
    let all = 0..=u16::MAX;
    for isa in Isa::all() {
        let halves: Vec<f16> = all.clone().map(f16::from_bits).collect();
        for (bits, found) in all.clone().zip(read(isa, &halves)) {
            assert!(same(found, by_definition(bits, 10, 15)), "{isa:?} f16 {bits:#x} {found}");
        }
        let brains: Vec<bf16> = all.clone().map(bf16::from_bits).collect();
        for (bits, found) in all.clone().zip(read(isa, &brains)) {
            assert!(same(found, by_definition(bits, 7, 127)), "{isa:?} bf16 {bits:#x} {found}");
        }
    }
}

#[test]
fn weights_that_outputs_without_gradient_have_are_not_read() {
    let (mut weight, mut gradient) = (vec![f16::ONE; 3 * 20], vec![1.0; 3]);
    weight[20..40].fill(f16::NAN);
    gradient[1] = 0.0;
    for isa in Isa::all() {
        assert_eq!(back(isa, &gradient, &weight, 20, &Control::default()), [2.0; 20]);
    }
}

#[test]
fn a_cancelled_product_is_left_undone() {
    let control = Control::default();
    control.cancel();
    let (weight, rows) = (vec![bf16::ONE; 40 * 30], vec![1.0; 30]);
    assert_eq!(forward(Isa::best(), &rows, &weight, 30, &[], &control), [0.0; 40]);
    assert_eq!(back(Isa::best(), &[1.0; 40], &weight, 30, &control), [0.0; 30]);
}
