//! First-layer filters that look like noise.

use super::super::Filters;

/// The smallest kernel whose spectrum says something.
const SMALLEST_KERNEL: usize = 5;

/// The spectral flatness (Wiener entropy: geometric over arithmetic mean of the power spectrum, Johnston 1988) of each
/// filter, its kernels' spectra weighed by their energy. Empty for kernels too small to tell; 0 for a filter of zeros.
///
/// White noise has 0.56 in the mean, as each of its frequencies' power is exponentially distributed (e^−γ); edges,
/// blobs and gratings have most of their energy at few frequencies.
pub(super) fn flatness(filters: &Filters) -> Vec<f32> {
    let size = [filters.rows, filters.columns];
    if size.iter().any(|&length| length < SMALLEST_KERNEL) {
        return Vec::new();
    }
    (0..filters.outputs)
        .map(|output| {
            let kernels = (0..filters.inputs).filter_map(|input| filters.kernel(output, input));
            let (mut weighted, mut energy) = (0.0_f64, 0.0_f64);
            for kernel in kernels {
                let spectrum = spectrum(kernel, size);
                let own: f64 = spectrum.iter().sum();
                weighted += own * flatness_of(&spectrum);
                energy += own;
            }
            if energy > 0.0 { (weighted / energy) as f32 } else { 0.0 }
        })
        .collect()
}

/// The power of each frequency but the mean's, of a kernel whose mean has been taken away.
fn spectrum(kernel: &[f32], [rows, columns]: [usize; 2]) -> Vec<f64> {
    let turn = |frequency: usize, place: usize, length: usize| {
        std::f64::consts::TAU * (frequency * place % length) as f64 / length as f64
    };
    let mut powers = Vec::with_capacity(rows * columns - 1);
    for frequency in 1..rows * columns {
        let (down, across) = (frequency / columns, frequency % columns);
        let (mut real, mut imaginary) = (0.0_f64, 0.0_f64);
        for (place, &value) in kernel.iter().enumerate() {
            let angle = turn(down, place / columns, rows) + turn(across, place % columns, columns);
            real += f64::from(value) * angle.cos();
            imaginary -= f64::from(value) * angle.sin();
        }
        powers.push(real * real + imaginary * imaginary);
    }
    powers
}

/// Geometric over arithmetic mean; 0 where there is no power.
fn flatness_of(powers: &[f64]) -> f64 {
    let mean = powers.iter().sum::<f64>() / powers.len().max(1) as f64;
    if mean <= 0.0 || powers.iter().any(|&power| power <= 0.0) {
        return 0.0;
    }
    let logarithm = powers.iter().map(|power| (power / mean).ln()).sum::<f64>() / powers.len() as f64;
    logarithm.exp()
}
