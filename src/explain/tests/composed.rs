//! Every method as it is computed on a GPU, of the tensor library's operations, against the kernels for the CPU.

use super::*;
use crate::graph::idle;

#[test]
fn methods_give_the_same_with_and_without_the_kernels() {
    // Large enough for a window and superpixels; one-channel.
    let values: Vec<f32> = (0..16 * 12).map(|place: u16| f32::from(place * 37 % 101) / 25.0 - 2.0).collect();
    let input = tensor(&values, &[1, 1, 16, 12]);
    let graph = network(&KERNEL, false);
    for method in METHODS {
        let ours = explain(&graph, method.name(), "relu", &input, (1, 0)).unwrap();
        let composed = idle(|| explain(&graph, method.name(), "relu", &input, (1, 0))).unwrap();
        let most = ours.values.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
        assert_eq!(ours.values.len(), composed.values.len());
        for (ours, composed) in ours.values.iter().zip(&composed.values) {
            assert!((ours - composed).abs() <= 1e-5 * most, "{}: {ours} and {composed}", method.name());
        }
    }
}
