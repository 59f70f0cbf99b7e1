//! The maximum over a stack's slices (MRNet: Bien et al. 2018).

use candle_core::{DType, Device, Tensor};

use super::{
    super::op::{Forward, Op, Result, Rule, Saved},
    single,
};

/// `[slices, features]` → `[1, features]`: each feature's largest value over the slices, the first slice at a tie.
#[derive(Debug)]
pub struct SliceMax;

/// The slice that wins each feature of `[slices, features]`: the first with the largest value, NaN above all.
///
/// # Errors
/// When `features` has another number of dimensions or the tensor library fails.
pub fn winning_slices(features: &Tensor) -> Result<Vec<usize>> {
    let rows = features.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.to_vec2::<f64>()?;
    let (_, width) = features.dims2()?;
    let wins = |challenger: f64, best: f64| challenger > best || (challenger.is_nan() && !best.is_nan());
    Ok((0..width)
        .map(|feature| {
            (1..rows.len())
                .fold(0, |best, slice| if wins(rows[slice][feature], rows[best][feature]) { slice } else { best })
        })
        .collect())
}

impl Op for SliceMax {
    fn kind(&self) -> &'static str {
        "SliceMax"
    }

    fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let input = single(inputs, 2)?;
        Ok(vec![1, input[1]])
    }

    fn forward(&self, inputs: &[&Tensor], record: bool) -> Result<Forward> {
        let features = inputs[0];
        let winners: Vec<u32> = winning_slices(features)?.into_iter().map(|slice| slice as u32).collect();
        let winners = Tensor::from_vec(winners, (1, features.dim(1)?), &Device::Cpu)?.to_device(features.device())?;
        let output = features.contiguous()?.gather(&winners, 0)?;
        Ok(Forward::with_state(output, record, [&winners]))
    }

    fn vjp(&self, gradient: &Tensor, which: usize, saved: &Saved, _rule: Rule) -> Result<Tensor> {
        let zeros = Tensor::zeros(saved.inputs[which].as_slice(), gradient.dtype(), gradient.device())?;
        let [winners] = saved.state()?;
        zeros.scatter_add(winners, &gradient.contiguous()?, 0)
    }
}
