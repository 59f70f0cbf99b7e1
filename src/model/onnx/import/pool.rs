//! Poolings.

use super::{
    Import,
    window::{Padding, Windows, image},
};
use crate::{
    graph::ops::{AdaptiveAvgPool2d, AvgPool2d, GlobalMaxPool, MaxPool2d},
    model::onnx::{
        context::{Context, one},
        error::{Fault, Result},
        step::{Step, Value},
    },
};

pub(super) static IMPORTS: &[(&str, Import)] =
    &[("MaxPool", max), ("AveragePool", average), ("GlobalAveragePool", global_average), ("GlobalMaxPool", global_max)];

fn windows(step: &Step) -> Result<Windows> {
    if !step.has("kernel_shape") {
        return Err(Fault::malformed("it has no `kernel_shape`"));
    }
    Windows::read(step, step.pair("kernel_shape", 1, 1)?)
}

fn max(context: &mut Context, step: &Step) -> Result<Vec<Value>> {
    let at = step.node(0)?;
    let [_, rows, columns] = image(at)?;
    let windows = windows(step)?;
    let Padding { begin, end } = windows.padding(step, [rows, columns])?;
    let pool = MaxPool2d::new(windows.kernel, windows.stride)
        .padding(begin, end)
        .dilation(windows.dilation)
        .ceil(step.flag("ceil_mode"));
    Ok(one(context.layer(step, pool, &[at])?))
}

fn average(context: &mut Context, step: &Step) -> Result<Vec<Value>> {
    let at = step.node(0)?;
    let [_, rows, columns] = image(at)?;
    let windows = windows(step)?;
    if windows.dilation != [1; 2] {
        return Err(Fault::unsupported("dilations"));
    }
    let Padding { begin, end } = windows.padding(step, [rows, columns])?;
    if windows.kernel == [rows, columns] && [begin, end] == [[0; 2]; 2] {
        return global_average(context, step);
    }
    let pool = AvgPool2d::new(windows.kernel, windows.stride)
        .padding(begin, end)
        .ceil(step.flag("ceil_mode"))
        .count_padding(step.flag("count_include_pad"));
    Ok(one(context.layer(step, pool, &[at])?))
}

fn global_average(context: &mut Context, step: &Step) -> Result<Vec<Value>> {
    let at = step.node(0)?;
    image(at)?;
    Ok(one(context.layer(step, AdaptiveAvgPool2d::GLOBAL, &[at])?))
}

fn global_max(context: &mut Context, step: &Step) -> Result<Vec<Value>> {
    let at = step.node(0)?;
    image(at)?;
    Ok(one(context.layer(step, GlobalMaxPool, &[at])?))
}
