//! The Flipout sampler against the exact distribution of its logits.

mod common;

use glassbox::{graph::Control, uncertainty::FlipoutDense};
use safetensors::SafeTensors;

#[test]
fn ten_thousand_passes_have_the_reference_mean_and_standard_deviation() {
    let Some(shared) = common::shared() else { return };
    let bytes = std::fs::read(shared.join("reference/flipout_dense.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let values = |name: &str| -> Vec<f32> {
        let (numbers, _) = file.tensor(name).unwrap().data().as_chunks::<4>();
        numbers.iter().map(|&number| f32::from_le_bytes(number)).collect()
    };
    let shape = file.tensor("kernel_posterior_loc").unwrap().shape().to_vec();
    let (inputs, outputs) = (shape[0], shape[1]);
    // TensorFlow's kernel is [inputs, outputs].
    let transposed = |kernel: Vec<f32>| -> Vec<f32> {
        (0..outputs)
            .flat_map(|row| (0..inputs).map(move |column| (row, column)))
            .map(|(r, c)| kernel[c * outputs + r])
            .collect()
    };
    let layer = FlipoutDense::new(
        inputs,
        outputs,
        transposed(values("kernel_posterior_loc")),
        &transposed(values("kernel_posterior_untransformed_scale")),
        values("bias_posterior_loc"),
    )
    .unwrap();
    let (features, mean, std) = (values("x"), values("logit_mean"), values("logit_std"));

    let (exact_mean, exact_std) = layer.exact_moments(&features).unwrap();
    for class in 0..outputs {
        assert!((exact_mean[class] - mean[class]).abs() < 1e-5 * mean[class].abs().max(1.0));
        assert!((exact_std[class] - std[class]).abs() < 1e-5 * std[class]);
    }

    let passes = 10_000;
    for seed in [1, 2, 3] {
        let logits = layer.sample(&features, passes, seed, &Control::default()).unwrap();
        for class in 0..outputs {
            let drawn: Vec<f64> = logits.chunks_exact(outputs).map(|row| f64::from(row[class])).collect();
            let n = passes as f64;
            let found = drawn.iter().sum::<f64>() / n;
            let spread = (drawn.iter().map(|y| (y - found).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
            let (mean, std) = (f64::from(mean[class]), f64::from(std[class]));
            let mean_errors = (found - mean) / (std / n.sqrt());
            let std_errors = (spread - std) / (std / (2.0 * (n - 1.0)).sqrt());
            println!("seed {seed}, class {class}: mean off by {mean_errors:.2}, deviation by {std_errors:.2} errors");
            assert!(mean_errors.abs() < 3.0 && std_errors.abs() < 3.0);
        }
    }
}
