//! Weights kept in 16 bits: half of the memory, and half of what a layer that waits for the memory reads.

use std::sync::atomic::{AtomicUsize, Ordering};

use candle_core::{DType, Device, Tensor, WithDType};
use half::{bf16, f16, slice::HalfFloatSliceExt};
use rayon::prelude::*;

use super::Linear;
use crate::graph::kernels;

/// How many weights one thread takes at a time.
const CHUNK: usize = 1 << 14;

/// Why weights cannot be kept in 16 bits.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NarrowError {
    /// Something that is no number.
    #[error("the weight of output {output} for input {input} is {value}, which is no finite number")]
    NotFinite {
        /// Row of the weights.
        output: usize,
        /// Column of the weights.
        input: usize,
        /// What is there.
        value: f32,
    },

    /// A number that would become an infinity.
    #[error("the weight of output {output} for input {input} is {value}, but {name} ends at {most}")]
    Beyond {
        /// Row of the weights.
        output: usize,
        /// Column of the weights.
        input: usize,
        /// What is there.
        value: f32,
        /// The narrower kind of number.
        name: &'static str,
        /// The largest that there is of it.
        most: f32,
    },

    /// No 16 bits were asked for, or the tensor library failed.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

/// A number of 16 bits.
trait Half: WithDType {
    const NAME: &'static str;
    const MOST: f32;

    fn round(from: &[f32], to: &mut [Self]);
}

impl Half for f16 {
    const NAME: &'static str = "f16";
    const MOST: f32 = 65504.0;

    fn round(from: &[f32], to: &mut [Self]) {
        to.convert_from_f32_slice(from);
    }
}

impl Half for bf16 {
    const NAME: &'static str = "bf16";
    const MOST: f32 = f32::from_bits(0x7F7F_0000);

    fn round(from: &[f32], to: &mut [Self]) {
        to.convert_from_f32_slice(from);
    }
}

impl Linear {
    /// The same layer with its weights, of `f32` on the CPU, kept as `F16` or `BF16`: each rounded to the nearest, in the
    /// middle to the even one, so that it changes by 2⁻¹¹ or 2⁻⁸ of itself at most (what is below 2⁻¹⁴ by 2⁻²⁵ at most in
    /// `F16`). The bias stays as it is, and so does the precision of sums. Steps that are not streamed (other devices,
    /// `f64`, exact sums) widen the weights anew each time.
    ///
    /// # Errors
    /// [`NarrowError`] where a weight is not finite or beyond what there is in 16 bits, and where the weights are not of
    /// `f32` on the CPU or another type is asked for.
    pub fn narrowed(&self, to: DType) -> Result<Self, NarrowError> {
        let weight = match to {
            DType::F16 => narrowed::<f16>(&self.weight)?,
            DType::BF16 => narrowed::<bf16>(&self.weight)?,
            other => return Err(candle_core::Error::Msg(format!("{other:?} has not 16 bits")).into()),
        };
        Ok(Self { weight, bias: self.bias.clone() })
    }
}

fn narrowed<H: Half>(weight: &Tensor) -> Result<Tensor, NarrowError> {
    let (_, inputs) = weight.dims2()?;
    let narrow = kernels::read(weight, |values: &[f32]| {
        let mut narrow = vec![H::zero(); values.len()];
        // What a comparison with NaN says is no as well.
        let holds = |value: &f32| value.abs() <= H::MOST;
        let refused = AtomicUsize::new(usize::MAX);
        narrow.par_chunks_mut(CHUNK).zip(values.par_chunks(CHUNK)).enumerate().for_each(|(chunk, (to, from))| {
            // One sum instead of a search: the compiler makes lanes of it.
            if from.iter().filter(|value| !holds(value)).count() > 0 {
                refused.fetch_min(chunk * CHUNK, Ordering::Relaxed);
            }
            H::round(from, to);
        });
        let from = refused.into_inner();
        let first = (from..values.len()).find(|&place| !holds(&values[place]));
        Ok(first.map_or(Ok(narrow), |place| Err((place, values[place]))))
    })?;
    match narrow {
        Ok(narrow) => Ok(Tensor::from_vec(narrow, weight.shape(), &Device::Cpu)?),
        Err((place, value)) => {
            let (output, input) = (place / inputs, place % inputs);
            Err(if value.is_finite() {
                NarrowError::Beyond { output, input, value, name: H::NAME, most: H::MOST }
            } else {
                NarrowError::NotFinite { output, input, value }
            })
        }
    }
}
