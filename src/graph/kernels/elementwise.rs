//! ReLU and per-channel scaling.

use candle_core::{DType, Result, Tensor, WithDType};

use super::{
    super::op::Rule,
    CHUNK, buffers,
    each::each,
    for_float, join,
    memory::{Order, is_last, is_picture, of_order, read_as},
    read, serve, tensor,
};

/// `max(x, 0)`, where NaN stays NaN.
pub(in crate::graph) fn relu(input: &Tensor) -> Result<Tensor> {
    for_float!(input, relu_of(input))
}

fn relu_of<T: WithDType>(input: &Tensor) -> Result<Tensor> {
    let order = Order::best(input);
    let output = read_as(input, order, |values: &[T]| {
        let mut output = buffers::room(values.len());
        each(output.chunks_mut(CHUNK).zip(values.chunks(CHUNK)), |(output, values)| {
            for (y, &x) in output.iter_mut().zip(values) {
                *y = if x < T::zero() { T::zero() } else { x };
            }
        });
        Ok(output)
    })?;
    of_order(output, input.dims(), order)
}

/// The gradient of ReLU under a rule; `output` is ReLU's own.
pub(in crate::graph) fn relu_vjp(gradient: &Tensor, output: &Tensor, rule: Rule) -> Result<Tensor> {
    for_float!(gradient, relu_vjp_of(gradient, output, rule))
}

fn relu_vjp_of<T: WithDType>(gradient: &Tensor, output: &Tensor, rule: Rule) -> Result<Tensor> {
    // The output lies as the layer before it left it, the gradient is turned if need be.
    let order = Order::best(output);
    let back = read_as(gradient, order, |gradient: &[T]| {
        read_as(output, order, |output: &[T]| {
            let mut back = buffers::room(gradient.len());
            let inputs = gradient.chunks(CHUNK).zip(output.chunks(CHUNK));
            each(back.chunks_mut(CHUNK).zip(inputs), |(back, (gradient, output))| {
                back.copy_from_slice(gradient);
                rectify(back, output, rule);
            });
            Ok(back)
        })
    })?;
    of_order(back, gradient.dims(), order)
}

/// The gradients of ReLU under a rule, in place.
fn rectify<T: WithDType>(gradient: &mut [T], output: &[T], rule: Rule) {
    // The rule outside, the comparison without a branch: signs cannot be predicted.
    let all = gradient.iter_mut().zip(output);
    let zero = T::zero();
    let positive = |g: T| if g > zero { g } else { zero };
    match rule {
        Rule::Gradient => all.for_each(|(g, &y)| *g = if y > zero { *g } else { zero }),
        Rule::Guided => all.for_each(|(g, &y)| *g = if y > zero { positive(*g) } else { zero }),
        Rule::Deconvnet => all.for_each(|(g, _)| *g = positive(*g)),
    }
}

/// [`relu_vjp`] in the memory of a gradient that nobody shares; `None` where the two lie in different orders, or not as
/// `f32` on the CPU.
pub(in crate::graph) fn relu_vjp_in_place(gradient: &Tensor, output: &Tensor, rule: Rule) -> Result<Option<Tensor>> {
    let Some(order) = Order::of(gradient).filter(|&order| Order::of(output) == Some(order)) else { return Ok(None) };
    if output.dtype() != DType::F32 {
        return Ok(None);
    }
    let Some(mut values) = buffers::take_tensor(gradient)? else { return Ok(None) };
    read_as(output, order, |output: &[f32]| {
        each(values.chunks_mut(CHUNK).zip(output.chunks(CHUNK)), |(values, output)| rectify(values, output, rule));
        Ok(())
    })?;
    of_order(values, gradient.dims(), order).map(Some)
}

/// `x · scale`, scale per channel, in the memory of a picture of `f32` that nobody shares; `None` where its channels do
/// not lie last, or it is part of a larger one.
pub(in crate::graph) fn scale_in_place(picture: &Tensor, scale: &Tensor) -> Result<Option<Tensor>> {
    if !is_picture(picture) || !is_last(picture) {
        return Ok(None);
    }
    let scale = scale.to_vec1::<f32>()?;
    let Some(mut values) = buffers::take_tensor(picture)? else { return Ok(None) };
    let chunk = (CHUNK / scale.len()).max(1) * scale.len();
    each(values.chunks_mut(chunk), |values| {
        for pixel in values.chunks_exact_mut(scale.len()) {
            pixel.iter_mut().zip(&scale).for_each(|(value, scale)| *value *= scale);
        }
    });
    of_order(values, picture.dims(), Order::Last).map(Some)
}

/// The sum of two tensors of one shape.
pub(in crate::graph) fn add(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    if !serve(a) {
        return a + b;
    }
    for_float!(a, add_of(a, b))
}

fn add_of<T: WithDType>(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let order = Order::best(a);
    let sum = read_as(a, order, |a: &[T]| {
        read_as(b, order, |b: &[T]| {
            let mut sum = buffers::room(a.len());
            let inputs = a.chunks(CHUNK).zip(b.chunks(CHUNK));
            each(sum.chunks_mut(CHUNK).zip(inputs), |(sum, (a, b))| {
                sum.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, (&a, &b))| *sum = a + b);
            });
            Ok(sum)
        })
    })?;
    of_order(sum, a.dims(), order)
}

/// `sum + more` in the memory of `sum`, which nobody shares; `None` where the two lie in different orders, or not as `f32`
/// on the CPU.
pub(in crate::graph) fn add_in_place(sum: &Tensor, more: &Tensor) -> Result<Option<Tensor>> {
    let Some(order) = Order::of(sum).filter(|&order| Order::of(more) == Some(order)) else { return Ok(None) };
    if more.dtype() != DType::F32 || !serve(more) || sum.dims() != more.dims() {
        return Ok(None);
    }
    let Some(mut values) = buffers::take_tensor(sum)? else { return Ok(None) };
    read_as(more, order, |more: &[f32]| {
        each(values.chunks_mut(CHUNK).zip(more.chunks(CHUNK)), |(values, more)| {
            values.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
        });
        Ok(())
    })?;
    of_order(values, more.dims(), order).map(Some)
}

/// `x · scale + shift`, scale and shift per channel, over `[batch, channels, …]`; with `rectify` a ReLU follows.
pub(in crate::graph) fn affine(
    input: &Tensor,
    scale: &Tensor,
    shift: Option<&Tensor>,
    rectify: bool,
) -> Result<Tensor> {
    if is_picture(input) && is_last(input) {
        return join::normalised(&[input], scale, shift, rectify);
    }
    for_float!(input, affine_of(input, scale, shift, rectify))
}

fn affine_of<T: WithDType>(input: &Tensor, scale: &Tensor, shift: Option<&Tensor>, rectify: bool) -> Result<Tensor> {
    let (channels, plane) = (input.dim(1)?, input.dims()[2..].iter().product());
    let scale = scale.to_vec1::<T>()?;
    let shift = shift.map_or_else(|| Ok(vec![T::zero(); channels]), Tensor::to_vec1::<T>)?;
    let finish = |y: T| if rectify && y < T::zero() { T::zero() } else { y };
    let output = read(input, |values: &[T]| {
        let mut output = vec![T::zero(); values.len()];
        let planes = output.chunks_mut(plane).zip(values.chunks(plane));
        each(planes.enumerate(), |(index, (output, values))| {
            let (scale, shift) = (scale[index % channels], shift[index % channels]);
            for (y, &x) in output.iter_mut().zip(values) {
                *y = finish(x * scale + shift);
            }
        });
        Ok(output)
    })?;
    tensor(output, input.shape())
}
