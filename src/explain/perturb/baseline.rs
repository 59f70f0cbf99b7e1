//! What is put in place of what is hidden.

use candle_core::{DType, Tensor};
use rayon::prelude::*;

use super::super::{
    Ask, ExplainError, InputSpace,
    extent::Extent,
    parameters::{Kind, Parameter},
};

/// The blur's standard deviation as a part of the picture's longer side.
const BLUR: f64 = 0.05;

/// What is put in place of what is hidden, whatever the shape of the hidden part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Baseline {
    /// 0 in network input.
    Zero,
    /// The darkest pixel value.
    Black,
    /// Half way between black and white.
    Grey,
    /// The picture's mean colour.
    Mean,
    /// The picture, blurred by a Gaussian of a twentieth of its longer side.
    Blur,
}

/// Names on the command line and for people, in the order in which they are offered.
const NAMES: &[(&str, &str)] = &[
    ("grey", "Grey"),
    ("mean", "Mean colour of the picture"),
    ("blur", "The picture, blurred"),
    ("black", "Black"),
    ("zero", "0 in network input"),
];

impl Baseline {
    /// All baselines.
    pub const ALL: [Self; 5] = [Self::Zero, Self::Black, Self::Grey, Self::Mean, Self::Blur];

    /// The baseline of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|baseline| baseline.name() == name)
    }

    /// The name on the command line and in exports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Zero => "zero",
            Self::Black => "black",
            Self::Grey => "grey",
            Self::Mean => "mean",
            Self::Blur => "blur",
        }
    }

    /// The name for people.
    #[must_use]
    pub fn label(self) -> &'static str {
        let known = NAMES.iter().find(|(name, _)| *name == self.name());
        known.map_or(self.name(), |(_, label)| label)
    }

    /// All baselines, in the order in which they are offered.
    pub fn offered() -> impl Iterator<Item = Self> {
        NAMES.iter().filter_map(|(name, _)| Self::named(name))
    }

    /// The parameter that chooses a baseline.
    pub(in crate::explain) const fn parameter(default: &'static str) -> Parameter {
        Parameter {
            name: "baseline",
            label: "In place of what is hidden",
            sentence: "What the network sees where the picture is hidden.",
            kind: Kind::Choice { options: NAMES, default },
        }
    }

    /// The whole baseline picture in network input, `channels × rows × columns`.
    ///
    /// # Errors
    /// [`ExplainError::NotFinite`] when the picture holds NaN or infinities.
    pub(in crate::explain) fn field(self, ask: &Ask) -> Result<Vec<f32>, ExplainError> {
        self.of_input(ask.space, &ask.input()?)
    }

    /// The same for any input `[1, channels, rows, columns]`.
    ///
    /// # Errors
    /// [`ExplainError::NotFinite`] when the picture holds NaN or infinities.
    pub(in crate::explain) fn of_input(self, space: &InputSpace, input: &Tensor) -> Result<Vec<f32>, ExplainError> {
        let (_, channels, rows, columns) = input.dims4()?;
        let plane = (rows * columns).max(1);
        let original = || input.flatten_all()?.to_dtype(DType::F32)?.to_vec1::<f32>();
        Ok(match self {
            Self::Zero => vec![0.0; channels * plane],
            Self::Black | Self::Grey => {
                let extent = Extent::of(&space.picture(input)?)?;
                let pixel = if self == Self::Black { extent.black } else { extent.grey() };
                let value = |channel| space.normalised(channel, pixel) as f32;
                (0..channels).flat_map(|channel| vec![value(channel); plane]).collect()
            }
            Self::Mean => original()?
                .chunks_exact(plane)
                .flat_map(|values| {
                    let mean = values.iter().map(|&value| f64::from(value)).sum::<f64>() / plane as f64;
                    vec![mean as f32; plane]
                })
                .collect(),
            Self::Blur => blurred(&original()?, rows, columns),
        })
    }
}

/// Each superpixel filled with its own mean, `channels × rows × columns`.
pub(in crate::explain) fn colour_of_each(original: &[f32], labels: &[u32], count: usize) -> Vec<f32> {
    let plane = labels.len().max(1);
    let mut field = Vec::with_capacity(original.len());
    for values in original.chunks_exact(plane) {
        let mut sums = vec![(0.0_f64, 0_usize); count];
        for (&value, &label) in values.iter().zip(labels) {
            let (sum, members) = &mut sums[label as usize];
            *sum += f64::from(value);
            *members += 1;
        }
        let means: Vec<f32> = sums.into_iter().map(|(sum, members)| (sum / members.max(1) as f64) as f32).collect();
        field.extend(labels.iter().map(|&label| means[label as usize]));
    }
    field
}

/// A Gaussian blur of each channel; values at the edge extend beyond it.
fn blurred(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    let sigma = (BLUR * rows.max(columns) as f64).max(1.0);
    let reach = (3.0 * sigma).ceil() as usize;
    let weights: Vec<f64> = (0..=2 * reach)
        .map(|tap| {
            let offset = tap as f64 - reach as f64;
            (-offset * offset / (2.0 * sigma * sigma)).exp()
        })
        .collect();
    let total: f64 = weights.iter().sum();
    let weights: Vec<f32> = weights.into_iter().map(|weight| (weight / total) as f32).collect();
    let tap = |at: usize, tap: usize, length: usize| (at + tap).saturating_sub(reach).min(length - 1);
    let mut output = vec![0.0_f32; values.len()];
    let planes = output.par_chunks_mut((rows * columns).max(1)).zip(values.par_chunks((rows * columns).max(1)));
    planes.for_each(|(output, plane)| {
        let mut across = vec![0.0_f32; plane.len()];
        for (line, source) in across.chunks_exact_mut(columns).zip(plane.chunks_exact(columns)) {
            for (column, value) in line.iter_mut().enumerate() {
                let taps = weights.iter().enumerate();
                *value = taps.map(|(index, weight)| weight * source[tap(column, index, columns)]).sum();
            }
        }
        for (row, line) in output.chunks_exact_mut(columns).enumerate() {
            for (index, &weight) in weights.iter().enumerate() {
                let source = &across[tap(row, index, rows) * columns..][..columns];
                line.iter_mut().zip(source).for_each(|(value, &source)| *value += weight * source);
            }
        }
    });
    output
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn superpixels_take_their_own_mean_in_each_channel() {
        let field = colour_of_each(&[1.0, 3.0, 5.0, -1.0, 0.0, 9.0], &[0, 0, 1], 2);
        assert_eq!(field, [2.0, 2.0, 5.0, -0.5, -0.5, 9.0]);
    }

    #[test]
    fn a_blur_keeps_constants_and_spreads_points() {
        assert!(blurred(&[3.0; 35], 5, 7).iter().all(|value| (value - 3.0).abs() < 1e-5));
        assert!((blurred(&[2.0], 1, 1)[0] - 2.0).abs() < 1e-5);
        let mut point = [0.0_f32; 81];
        point[4 * 9 + 4] = 1.0;
        let spread = blurred(&point, 9, 9);
        assert!(spread[40] < 0.2 && spread[39] > 0.05 && (spread[39] - spread[31]).abs() < 1e-7);
    }
}
