//! Convolutions and their transposes.

use super::{
    Import,
    window::{Padding, Windows, explicit, halves, image},
};
use crate::{
    graph::ops::{Conv2d, ConvTranspose2d},
    model::onnx::{
        constant::Constant,
        context::{Context, one},
        error::{Fault, Result},
        step::{Step, Value, size},
    },
};

pub(super) static IMPORTS: &[(&str, Import)] = &[("Conv", conv), ("ConvTranspose", transposed)];

/// The weights' dimensions, whose last two are the kernel.
fn weights<'a>(step: &'a Step) -> Result<(&'a Constant, [usize; 4])> {
    let weight = step.constant(1)?;
    let &[out, inputs, rows, columns] = weight.dims() else {
        return Err(Fault::unsupported(format!("weights of shape {:?}, only four dimensions are", weight.dims())));
    };
    if weight.count() == 0 {
        return Err(Fault::malformed(format!("its weights have the shape {:?}", weight.dims())));
    }
    if let Some(&[height, width]) = step.ints("kernel_shape")
        && [height, width] != [rows as i64, columns as i64]
    {
        return Err(Fault::malformed(format!("`kernel_shape` [{height}, {width}] for weights {:?}", weight.dims())));
    }
    Ok((weight, [out, inputs, rows, columns]))
}

fn conv(context: &mut Context, step: &Step) -> Result<Vec<Value>> {
    let at = step.node(0)?;
    let [_, rows, columns] = image(at)?;
    let (weight, [out, _, height, width]) = weights(step)?;
    let windows = Windows::read(step, [height, width])?;
    let padding = windows.padding(step, [rows, columns])?;
    let groups = size("group", step.int("group", 1), 1)?;
    let bias = step.optional_constant(2)?.map(|bias| context.shaped(bias, "bias", &[out])).transpose()?;
    let conv = Conv2d::new(context.tensor(weight)?, bias)?
        .stride(windows.stride)
        .dilation(windows.dilation)
        .padding(padding.begin)
        .padding_end(padding.end)
        .groups(groups);
    Ok(one(context.layer(step, conv, &[at])?))
}

fn transposed(context: &mut Context, step: &Step) -> Result<Vec<Value>> {
    let at = step.node(0)?;
    let [_, rows, columns] = image(at)?;
    let (weight, [_, out, height, width]) = weights(step)?;
    let windows = Windows::read(step, [height, width])?;
    let output_padding = step.pair("output_padding", 0, 0)?;
    let groups = size("group", step.int("group", 1), 1)?;
    let padding = transposed_padding(step, windows, [rows, columns], output_padding)?;
    let bias = step.optional_constant(2)?.map(|bias| context.shaped(bias, "bias", &[out * groups])).transpose()?;
    let conv = ConvTranspose2d::new(context.tensor(weight)?, bias)?
        .stride(windows.stride)
        .dilation(windows.dilation)
        .padding(padding.begin)
        .padding_end(padding.end)
        .output_padding(output_padding)
        .groups(groups);
    Ok(one(context.layer(step, conv, &[at])?))
}

/// What is cut off around the output. Where the file gives the output's size, it follows from that.
fn transposed_padding(step: &Step, windows: Windows, input: [usize; 2], extra: [usize; 2]) -> Result<Padding> {
    let automatic = step.text("auto_pad", "NOTSET");
    let wanted = match (step.ints("output_shape"), &*automatic) {
        (Some(&[.., rows, columns]), _) => [size("output_shape", rows, 1)?, size("output_shape", columns, 1)?],
        (_, "SAME_UPPER" | "SAME_LOWER") => [input[0] * windows.stride[0], input[1] * windows.stride[1]],
        (_, "VALID") => return Ok(Padding { begin: [0; 2], end: [0; 2] }),
        _ => return explicit(step),
    };
    let mut padding = Padding { begin: [0; 2], end: [0; 2] };
    for axis in 0..2 {
        let whole = (input[axis] - 1) * windows.stride[axis] + windows.extent(axis) + extra[axis];
        let total = whole.checked_sub(wanted[axis]).ok_or_else(|| {
            Fault::unsupported(format!("an output of {wanted:?}, which is larger than the kernels reach"))
        })?;
        (padding.begin[axis], padding.end[axis]) = halves(total, automatic == "SAME_UPPER");
    }
    Ok(padding)
}
