//! Arithmetic on two tensors that are stretched over each other.

use candle_core::{Result, Tensor, WithDType};
use rayon::prelude::*;

use super::{
    super::ops::{Arithmetic, Broadcast},
    CHUNK, for_float, read, tensor,
};

/// The result of `a` and `b`, of the layout's shape.
pub(in crate::graph) fn forward(arithmetic: Arithmetic, a: &Tensor, b: &Tensor, layout: &Broadcast) -> Result<Tensor> {
    for_float!(a, forward_of(arithmetic, a, b, layout))
}

fn forward_of<T: WithDType>(arithmetic: Arithmetic, a: &Tensor, b: &Tensor, layout: &Broadcast) -> Result<Tensor> {
    let count = layout.shape.iter().product();
    let [a_moves, b_moves] = layout.moves();
    let output = read(a, |a: &[T]| {
        read(b, |b: &[T]| {
            let mut output = vec![T::zero(); count];
            output.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, output)| {
                let range = chunk * CHUNK..chunk * CHUNK + output.len();
                layout.segments(range, |place, [a_begin, b_begin]| {
                    let a = &a[a_begin..a_begin + if a_moves { place.len() } else { 1 }];
                    let b = &b[b_begin..b_begin + if b_moves { place.len() } else { 1 }];
                    apply(arithmetic, a, b, &mut output[place]);
                });
            });
            Ok(output)
        })
    })?;
    tensor(output, layout.shape.as_slice())
}

/// The results of one segment; an operand of one element serves all of it.
fn apply<T: WithDType>(arithmetic: Arithmetic, a: &[T], b: &[T], output: &mut [T]) {
    match arithmetic {
        Arithmetic::Add => each(a, b, output, |a, b| a + b),
        Arithmetic::Sub => each(a, b, output, |a, b| a - b),
        Arithmetic::Mul => each(a, b, output, |a, b| a * b),
        Arithmetic::Div => each(a, b, output, |a, b| a / b),
        Arithmetic::Pow => each(a, b, output, |a, b| T::from_f64(a.to_f64().powf(b.to_f64()))),
        Arithmetic::Max => each(a, b, output, |a, b| if a > b || a.partial_cmp(&a).is_none() { a } else { b }),
        Arithmetic::Min => each(a, b, output, |a, b| if a < b || a.partial_cmp(&a).is_none() { a } else { b }),
    }
}

fn each<T: WithDType>(a: &[T], b: &[T], output: &mut [T], function: impl Fn(T, T) -> T) {
    match (a, b) {
        (&[a], &[b]) => output.fill(function(a, b)),
        (&[a], _) => output.iter_mut().zip(b).for_each(|(y, &b)| *y = function(a, b)),
        (_, &[b]) => output.iter_mut().zip(a).for_each(|(y, &a)| *y = function(a, b)),
        _ => output.iter_mut().zip(a.iter().zip(b)).for_each(|(y, (&a, &b))| *y = function(a, b)),
    }
}
