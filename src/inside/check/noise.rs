//! First-layer filters that look like noise.

use super::super::Filters;
use super::finding::{counted, listed, percent};
use super::{Check, FilterReport, Finding, Report, Severity};

/// The smallest kernel whose spectrum says something.
const SMALLEST_KERNEL: usize = 5;
/// From this flatness on a filter looks like noise, which has 0.56 in the mean.
const NOISY: f32 = 0.4;
/// From this share of noisy filters on it is worth a notice,
const SOME: f32 = 0.1;
/// attention,
const MANY: f32 = 0.25;
/// and serious.
const MOST: f32 = 0.5;

/// First-layer filters without structure.
pub(super) struct Noise;

impl Check for Noise {
    fn name(&self) -> &'static str {
        "noise"
    }

    fn title(&self) -> &'static str {
        "Noisy first-layer filters"
    }

    fn definition(&self) -> &'static str {
        "Trained first-layer filters are mostly smooth: edges, blobs and gratings. A filter is called noisy when the \
         spectral flatness of its kernels (the geometric over the arithmetic mean of their power spectra without the \
         mean, 0 to 1) is at least 0.4; white noise has 0.56 in the mean. Kernels smaller than 5 × 5 are not judged: \
         their spectrum has too few frequencies."
    }

    fn look(&self, report: &Report) -> Vec<Finding> {
        report.filters.iter().filter_map(finding).collect()
    }
}

fn finding(filters: &FilterReport) -> Option<Finding> {
    let noisy: Vec<usize> = (0..filters.flatness.len()).filter(|&k| filters.flatness[k] >= NOISY).collect();
    let count = filters.flatness.len();
    let share = noisy.len() as f32 / count.max(1) as f32;
    let severity = match share {
        share if share >= MOST => Severity::Serious,
        share if share >= MANY => Severity::Attention,
        share if share >= SOME => Severity::Notice,
        _ => return None,
    };
    let mean = filters.flatness.iter().sum::<f32>() / count as f32;
    Some(Finding {
        kind: Noise.name(),
        severity,
        layer: Some(filters.layer.clone()),
        what: format!(
            "{} of {} of {} ({}) look like noise: {}. The mean spectral flatness is {mean:.2}.",
            noisy.len(),
            counted(count, "filter"),
            filters.layer,
            percent(share),
            listed(&noisy),
        ),
        channels: noisy,
        rule: format!(
            "Spectral flatness of at least {NOISY}. Notice from {}, attention from {}, serious from {} of the filters.",
            percent(SOME),
            percent(MANY),
            percent(MOST)
        ),
        advice: "Train longer, or with more data or stronger regularisation (weight decay, augmentation): noisy patterns \
                 show a network that has not been trained for long enough or has overfitted. Starting from pretrained \
                 weights avoids them. Also check that the weights were loaded at all."
            .to_owned(),
        source: "Stanford CS231n, Understanding and Visualizing Convolutional Neural Networks; Krizhevsky et al. 2012, \
                 ImageNet Classification with Deep Convolutional Neural Networks (what trained filters look like); Zeiler \
                 and Fergus 2014."
            .to_owned(),
    })
}

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

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::inside::FilterKind;

    fn filters(size: usize, value: impl FnMut(usize, usize, usize) -> f32) -> Filters {
        let mut value = value;
        let outputs = 64;
        let places = (0..outputs).flat_map(|k| (0..size * size).map(move |place| (k, place / size, place % size)));
        Filters {
            layer: "conv1".to_owned(),
            kind: FilterKind::Convolution { groups: 1 },
            outputs,
            all_outputs: outputs,
            inputs: 1,
            rows: size,
            columns: size,
            first: true,
            values: places.map(|(k, row, column)| value(k, row, column)).collect(),
        }
    }

    /// Normal numbers, nearly.
    fn noise(size: usize) -> Filters {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        filters(size, |_, _, _| (0..12).map(|_| random.random::<f32>()).sum::<f32>() - 6.0)
    }

    /// Gratings under a bell, of all directions and several wavelengths (Gabor functions).
    fn gratings(size: usize) -> Filters {
        let centre = (size / 2) as f32;
        filters(size, |k, row, column| {
            let (y, x) = (row as f32 - centre, column as f32 - centre);
            let (sin, cos) = (k as f32 * 0.3).sin_cos();
            let wavelength = 3.0 + (k % 4) as f32;
            let bell = (-(x * x + y * y) / (0.1 * (size * size) as f32)).exp();
            bell * ((x * cos + y * sin) * std::f32::consts::TAU / wavelength + k as f32).cos()
        })
    }

    #[test]
    fn white_noise_is_flat_and_gratings_are_not() {
        for size in [5, 7, 11] {
            let noisy = flatness(&noise(size));
            let mean = noisy.iter().sum::<f32>() / noisy.len() as f32;
            // e^−γ = 0.561; a short spectrum's logarithm is biased upwards by up to half of its inverse length.
            assert!((0.53..0.64).contains(&mean), "{size}: {mean}");
            let structured = flatness(&gratings(size));
            let above = structured.iter().filter(|&&flatness| flatness >= NOISY).count();
            assert!(above == 0, "{size}: {above} of 64, {structured:?}");
            // Of single 5 × 5 kernels of noise 94 % are found (numpy, 4000 draws), 60 of 64 with a deviation of 2; of larger
            // ones, and of colour filters, nearly all.
            assert!(noisy.iter().filter(|&&flatness| flatness >= NOISY).count() >= 52, "{size}");
        }
    }

    #[test]
    fn the_strength_does_not_matter_and_nothing_is_made_of_zeros_or_small_kernels() {
        let mut louder = noise(7);
        let flat = flatness(&louder);
        louder.values.iter_mut().for_each(|value| *value *= 1e-4);
        assert!(flatness(&louder).iter().zip(&flat).all(|(a, b)| (a - b).abs() < 1e-4));
        assert!(flatness(&filters(7, |_, _, _| 0.0)).iter().all(|&flatness| flatness == 0.0));
        assert!(flatness(&filters(7, |_, _, _| f32::NAN)).iter().all(|&flatness| flatness == 0.0));
        assert!(flatness(&noise(3)).is_empty());
    }
}
