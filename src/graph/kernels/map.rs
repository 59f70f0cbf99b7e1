//! One function applied to each element, and its way back.

use candle_core::{DType, Result, Tensor, WithDType};
use rayon::prelude::*;

use super::{
    super::{op::Rule, ops::Function},
    CHUNK, exponential, for_float,
    memory::{Order, of_order, read_as},
};

/// The function of each element.
pub(in crate::graph) fn forward(function: Function, input: &Tensor) -> Result<Tensor> {
    match (function, input.dtype()) {
        (Function::Sigmoid, DType::F32) => map(input, |x, y| each(x, y, exponential::sigmoid)),
        (Function::Silu, DType::F32) => map(input, |x, y| each(x, y, |x| x * exponential::sigmoid(x))),
        _ => for_float!(input, forward_of(function, input)),
    }
}

fn forward_of<T: WithDType>(function: Function, input: &Tensor) -> Result<Tensor> {
    map(input, |values: &[T], output: &mut [T]| apply(function, values, output))
}

/// What a function makes of each chunk.
fn map<T: WithDType>(input: &Tensor, function: impl Fn(&[T], &mut [T]) + Sync) -> Result<Tensor> {
    let order = Order::best(input);
    let output = read_as(input, order, |values: &[T]| {
        let mut output = vec![T::zero(); values.len()];
        let chunks = output.par_chunks_mut(CHUNK).zip(values.par_chunks(CHUNK));
        chunks.for_each(|(output, values)| function(values, output));
        Ok(output)
    })?;
    of_order(output, input.dims(), order)
}

/// The function of one chunk. Those with branches of their own are common enough to be worth their speed; the others
/// go through `f64`.
fn apply<T: WithDType>(function: Function, values: &[T], output: &mut [T]) {
    let [zero, three, six] = [0.0, 3.0, 6.0].map(T::from_f64);
    match function {
        Function::LeakyRelu { slope } => {
            let slope = T::from_f64(slope);
            each(values, output, |x| if x > zero { x } else { slope * x });
        }
        Function::Clip { min, max } => {
            let (min, max) = (T::from_f64(min), T::from_f64(max));
            each(values, output, |x| cut_off(x, min, max));
        }
        Function::HardSwish => each(values, output, |x| x * cut_off(x + three, zero, six) / six),
        _ => each(values, output, |x| T::from_f64(function.value(x.to_f64()))),
    }
}

/// `x` between two bounds; NaN stays NaN.
fn cut_off<T: WithDType>(x: T, min: T, max: T) -> T {
    let x = if x < min { min } else { x };
    if x > max { max } else { x }
}

fn each<T: WithDType>(values: &[T], output: &mut [T], function: impl Fn(T) -> T) {
    for (y, &x) in output.iter_mut().zip(values) {
        *y = function(x);
    }
}

/// The gradient under a rule; `input` is the function's own.
pub(in crate::graph) fn vjp(function: Function, gradient: &Tensor, input: &Tensor, rule: Rule) -> Result<Tensor> {
    let slope = |x: f32| {
        let s = exponential::sigmoid(x);
        (s, 1.0 - s)
    };
    match (function, gradient.dtype()) {
        (Function::Sigmoid, DType::F32) => multiply(gradient, input, |x, back| {
            each_pair(x, back, |x, g| {
                let (s, rest) = slope(x);
                g * (s * rest)
            });
        }),
        (Function::Silu, DType::F32) => multiply(gradient, input, |x, back| {
            each_pair(x, back, |x, g| {
                let (s, rest) = slope(x);
                g * (s * (1.0 + x * rest))
            });
        }),
        _ => for_float!(gradient, vjp_of(function, gradient, input, rule)),
    }
}

fn vjp_of<T: WithDType>(function: Function, gradient: &Tensor, input: &Tensor, rule: Rule) -> Result<Tensor> {
    let derivative = |input: &[T], back: &mut [T]| multiply_derivative(function, input, back);
    if rule == Rule::Gradient || !function.is_rectifier() {
        return multiply(gradient, input, derivative);
    }
    let rectified = map(gradient, |values: &[T], output: &mut [T]| {
        each(values, output, |g| if g > T::zero() { g } else { T::zero() });
    })?;
    if rule == Rule::Deconvnet { Ok(rectified) } else { multiply(&rectified, input, derivative) }
}

/// The gradient after each chunk of it was multiplied with the derivative at the input.
fn multiply<T: WithDType>(
    gradient: &Tensor,
    input: &Tensor,
    derivative: impl Fn(&[T], &mut [T]) + Sync,
) -> Result<Tensor> {
    let order = Order::best(input);
    let back = read_as(gradient, order, |gradient: &[T]| {
        read_as(input, order, |input: &[T]| {
            let mut back = gradient.to_vec();
            let chunks = back.par_chunks_mut(CHUNK).zip(input.par_chunks(CHUNK));
            chunks.for_each(|(back, input)| derivative(input, back));
            Ok(back)
        })
    })?;
    of_order(back, gradient.dims(), order)
}

/// Multiplies each gradient with the derivative at its input.
fn multiply_derivative<T: WithDType>(function: Function, input: &[T], back: &mut [T]) {
    let [zero, half, one, three] = [0.0, 0.5, 1.0, 3.0].map(T::from_f64);
    match function {
        Function::LeakyRelu { slope } => {
            let slope = T::from_f64(slope);
            each_pair(input, back, |x, g| if x > zero { g } else { slope * g });
        }
        Function::Clip { min, max } => {
            let (min, max) = (T::from_f64(min), T::from_f64(max));
            each_pair(input, back, |x, g| if x > min && x < max { g } else { zero });
        }
        Function::HardSwish => each_pair(input, back, |x, g| {
            let slope = if x < three { x / three + half } else { one };
            if x <= zero - three { zero } else { g * slope }
        }),
        _ => each_pair(input, back, |x, g| g * T::from_f64(function.derivative(x.to_f64()))),
    }
}

fn each_pair<T: WithDType>(input: &[T], back: &mut [T], function: impl Fn(T, T) -> T) {
    for (b, &x) in back.iter_mut().zip(input) {
        *b = function(x, *b);
    }
}
