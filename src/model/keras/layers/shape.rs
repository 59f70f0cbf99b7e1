//! Layers that move numbers and compute none.

use super::super::{
    fault::Fault,
    settings::Settings,
    site::Site,
    tensor::{At, Order, graph_dimension},
};
use crate::graph::ops::{
    Coordinates, Flatten, Pad, PadMode, Reshape, Resize, ResizeMode, ResizeTo, Rounding, Transpose,
};

/// Flattens an image channel by channel; the order is remembered for the layers behind.
pub(super) fn flatten(site: &mut Site, inputs: &[At]) -> Result<At, Fault> {
    let input = site.single(inputs)?;
    site.check(site.settings().channels_last())?;
    flat(site, "", input)
}

/// A flat tensor as the node `LAYER.part`, or `LAYER`.
fn flat(site: &mut Site, part: &str, input: &At) -> Result<At, Fault> {
    let order = match input.image() {
        Ok([channels, rows, columns]) => Order::of_image(channels, rows, columns),
        Err(_) => input.order.clone(),
    };
    let at = if part.is_empty() { site.add(Flatten, &[input]) } else { site.add_part(part, Flatten, &[input]) };
    at.map(|at| at.ordered(order))
}

/// The same numbers in Keras's order: rows, columns, channels for an image, `LAYER.keras_order`.
pub(in super::super) fn in_keras_order(site: &mut Site, input: &At) -> Result<At, Fault> {
    match (&input.order, input.image()) {
        (Order::Keras, Err(_)) => Ok(input.clone()),
        (Order::Keras, Ok(_)) => {
            let at = site.add_part("keras_order", Transpose { order: vec![0, 2, 3, 1] }, &[input])?;
            site.add_part("keras_flat", Flatten, &[&at])
        }
        (&Order::Image([channels, rows, columns]), _) => {
            let shape = vec![0, channels as i64, rows as i64, columns as i64];
            let at = site.add_part("image", Reshape { shape }, &[input])?;
            let at = site.add_part("keras_order", Transpose { order: vec![0, 2, 3, 1] }, &[&at])?;
            site.add_part("keras_flat", Flatten, &[&at])
        }
        (Order::Mixed(_), _) => {
            Err(site.fault("it takes features of several flattened images, whose order differs from Keras's"))
        }
    }
}

/// To a flat tensor, to an image, or to a list of features.
pub(super) fn reshape(site: &mut Site, inputs: &[At]) -> Result<At, Fault> {
    let input = site.single(inputs)?;
    let from = input.keras_shape();
    let to = site.check(target(site.settings(), &from))?;
    if to == from {
        let order = input.order.clone();
        return Ok(site.add(crate::graph::ops::Dropout, &[input])?.ordered(order));
    }
    if to.len() == 1 {
        return flat(site, "", input);
    }
    let shape = |sizes: &[usize]| std::iter::once(0).chain(sizes.iter().map(|&size| size as i64)).collect();
    // A flattened image that becomes the same image again.
    if let (Order::Image([channels, rows, columns]), [to_rows, to_columns, to_channels]) = (&input.order, to.as_slice())
        && [channels, rows, columns] == [to_channels, to_rows, to_columns]
    {
        let image = [*channels, *rows, *columns];
        return site.add(Reshape { shape: shape(&image) }, &[input]);
    }
    // One place with all its channels has the same order in both.
    if let ([1, 1, channels], true) = (to.as_slice(), input.order == Order::Keras && input.image().is_err()) {
        return site.add(Reshape { shape: shape(&[*channels, 1, 1]) }, &[input]);
    }
    let at = in_keras_order(site, input)?;
    match to.as_slice() {
        [_, _, _] => {
            let at = site.add_part("reshape", Reshape { shape: shape(&to) }, &[&at])?;
            site.add_part("channels_first", Transpose { order: vec![0, 3, 1, 2] }, &[&at])
        }
        _ => site.add_part("reshape", Reshape { shape: shape(&to) }, &[&at]),
    }
}

/// The shape that a `Reshape` asks for, without the batch; one size may be −1.
fn target(settings: &Settings, from: &[usize]) -> Result<Vec<usize>, String> {
    let sizes = settings.integers("target_shape")?.ok_or("`target_shape` is missing")?;
    let odd = || format!("the shape {from:?} cannot become {sizes:?}");
    let total: usize = from.iter().product();
    let positive = sizes.iter().filter(|&&size| size > 0);
    let known = positive.clone().try_fold(1_usize, |product, &size| product.checked_mul(size as usize));
    let known = known.filter(|&known| known > 0).ok_or_else(odd)?;
    let unknown = sizes.iter().filter(|&&size| size == -1).count();
    if positive.count() + unknown != sizes.len() || unknown > 1 || !total.is_multiple_of(known) || sizes.is_empty() {
        return Err(odd());
    }
    if unknown == 0 && known != total {
        return Err(odd());
    }
    Ok(sizes.iter().map(|&size| if size == -1 { total / known } else { size as usize }).collect())
}

/// Dimensions in another order, given in Keras's numbers.
pub(super) fn permute(site: &mut Site, inputs: &[At]) -> Result<At, Fault> {
    let input = site.single(inputs)?;
    let rank = input.shape.len();
    let dims = site.check(site.settings().integers("dims"))?.unwrap_or_default();
    let mut sorted = dims.clone();
    sorted.sort_unstable();
    if sorted != (1..rank as i64).collect::<Vec<_>>() {
        return Err(site.fault(format!("`dims` is {dims:?} for a tensor of the shape {:?}", input.keras_shape())));
    }
    if input.order != Order::Keras {
        return Ok(site.add(crate::graph::ops::Dropout, &[input])?.ordered(input.order.clone()));
    }
    let mut order = vec![0; rank];
    for (index, &dim) in dims.iter().enumerate() {
        order[graph_dimension(rank, index + 1)] = graph_dimension(rank, dim as usize);
    }
    site.add(Transpose { order }, &[input])
}

pub(super) fn zero_padding(site: &mut Site, inputs: &[At]) -> Result<At, Fault> {
    border(site, inputs, "padding", 1)
}

pub(super) fn cropping(site: &mut Site, inputs: &[At]) -> Result<At, Fault> {
    border(site, inputs, "cropping", -1)
}

fn border(site: &mut Site, inputs: &[At], key: &str, sign: i64) -> Result<At, Fault> {
    let input = site.single(inputs)?;
    site.check(site.settings().channels_last())?;
    site.check(input.image())?;
    let borders = site.check(site.settings().borders(key))?;
    let [rows, columns] = borders.map(|border| border.map(|size| sign * size as i64));
    site.add(Pad { amounts: vec![[0; 2], [0; 2], rows, columns], mode: PadMode::Constant(0.0) }, &[input])
}

pub(super) fn up_sampling(site: &mut Site, inputs: &[At]) -> Result<At, Fault> {
    let input = site.single(inputs)?;
    site.check(site.settings().channels_last())?;
    site.check(input.image())?;
    let size = site.check(site.settings().pair("size"))?.unwrap_or([2; 2]);
    let (mode, coordinates) = match site.settings().text("interpolation") {
        Some("nearest") | None => (ResizeMode::Nearest(Rounding::Floor), Coordinates::Asymmetric),
        Some("bilinear") => (ResizeMode::Linear, Coordinates::HalfPixel),
        Some(other) => {
            let reason = format!("its interpolation is \"{other}\"; \"nearest\" and \"bilinear\" are supported");
            return Err(site.fault(reason));
        }
    };
    let output = ResizeTo::Scales(size.map(|scale| scale as f64));
    site.add(Resize { output, mode, coordinates }, &[input])
}
