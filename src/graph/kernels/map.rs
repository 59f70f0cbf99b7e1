//! One function applied to each element, and its way back.

use candle_core::{Result, Tensor, WithDType};
use rayon::prelude::*;

use super::{
    super::{op::Rule, ops::Function},
    CHUNK, for_float, read, tensor,
};

/// The function of each element.
pub(in crate::graph) fn forward(function: Function, input: &Tensor) -> Result<Tensor> {
    for_float!(input, forward_of(function, input))
}

fn forward_of<T: WithDType>(function: Function, input: &Tensor) -> Result<Tensor> {
    let output = read(input, |values: &[T]| {
        let mut output = vec![T::zero(); values.len()];
        let chunks = output.par_chunks_mut(CHUNK).zip(values.par_chunks(CHUNK));
        chunks.for_each(|(output, values)| apply(function, values, output));
        Ok(output)
    })?;
    tensor(output, input.shape())
}

/// The function of one chunk. The branches that are named are cheap enough for a branch per element to matter.
fn apply<T: WithDType>(function: Function, values: &[T], output: &mut [T]) {
    match function {
        Function::LeakyRelu { slope } => {
            let slope = T::from_f64(slope);
            each(values, output, |x| if x > T::zero() { x } else { slope * x });
        }
        Function::Clip { min, max } => {
            let (min, max) = (T::from_f64(min), T::from_f64(max));
            each(values, output, |x| {
                let x = if x < min { min } else { x };
                if x > max { max } else { x }
            });
        }
        Function::HardSwish => through_f64(values, output, |x| Function::HardSwish.value(x)),
        Function::Sigmoid => through_f64(values, output, |x| Function::Sigmoid.value(x)),
        Function::Silu => through_f64(values, output, |x| Function::Silu.value(x)),
        other => through_f64(values, output, |x| other.value(x)),
    }
}

fn each<T: WithDType>(values: &[T], output: &mut [T], function: impl Fn(T) -> T) {
    for (y, &x) in output.iter_mut().zip(values) {
        *y = function(x);
    }
}

fn through_f64<T: WithDType>(values: &[T], output: &mut [T], function: impl Fn(f64) -> f64) {
    each(values, output, |x| T::from_f64(function(x.to_f64())));
}

/// The gradient under a rule; `input` is the function's own.
pub(in crate::graph) fn vjp(function: Function, gradient: &Tensor, input: &Tensor, rule: Rule) -> Result<Tensor> {
    for_float!(gradient, vjp_of(function, gradient, input, rule))
}

fn vjp_of<T: WithDType>(function: Function, gradient: &Tensor, input: &Tensor, rule: Rule) -> Result<Tensor> {
    let rule = if function.is_rectifier() { rule } else { Rule::Gradient };
    let back = read(gradient, |gradient: &[T]| {
        read(input, |input: &[T]| {
            let mut back = vec![T::zero(); gradient.len()];
            let inputs = gradient.par_chunks(CHUNK).zip(input.par_chunks(CHUNK));
            back.par_chunks_mut(CHUNK).zip(inputs).for_each(|(back, (gradient, input))| {
                for ((b, &g), &x) in back.iter_mut().zip(gradient).zip(input) {
                    *b = match rule {
                        Rule::Gradient => g * T::from_f64(function.derivative(x.to_f64())),
                        Rule::Guided if g > T::zero() => g * T::from_f64(function.derivative(x.to_f64())),
                        Rule::Deconvnet if g > T::zero() => g,
                        Rule::Guided | Rule::Deconvnet => T::zero(),
                    };
                }
            });
            Ok(back)
        })
    })?;
    tensor(back, gradient.shape())
}
