//! Resizing of rows and columns.

use super::{Import, window::image};
use crate::{
    graph::ops::{Coordinates, Resize, ResizeMode, ResizeTo, Rounding},
    model::onnx::{
        constant::Constant,
        context::{Context, one},
        error::{Fault, Result},
        step::{BATCH, Step, Value, axis, size},
    },
};

pub(super) static IMPORTS: &[(&str, Import)] = &[("Resize", resize), ("Upsample", upsample)];

/// Before opset 11, and as `Upsample`, places lie at multiples of the scale.
fn upsample(context: &mut Context, step: &Step) -> Result<Vec<Value>> {
    let at = step.node(0)?;
    let [_, rows, columns] = image(at)?;
    let scales = match step.floats("scales") {
        Some(scales) => scales.to_vec(),
        None => step.constant(1)?.floats()?,
    };
    let mode = match &*step.text("mode", "nearest") {
        "nearest" => ResizeMode::Nearest(Rounding::Floor),
        "linear" | "bilinear" => ResizeMode::Linear,
        other => return Err(Fault::unsupported(format!("mode \"{other}\""))),
    };
    let output = from_scales(&scales, [rows, columns])?;
    let resize = Resize { output, mode, coordinates: Coordinates::Asymmetric };
    Ok(one(context.layer(step, resize, &[at])?))
}

fn resize(context: &mut Context, step: &Step) -> Result<Vec<Value>> {
    if step.opset < 11 {
        return upsample(context, step);
    }
    for switch in ["antialias", "exclude_outside"] {
        if step.flag(switch) {
            return Err(Fault::unsupported(format!("`{switch}`")));
        }
    }
    let policy = step.text("keep_aspect_ratio_policy", "stretch");
    if policy != "stretch" {
        return Err(Fault::unsupported(format!("`keep_aspect_ratio_policy` \"{policy}\"")));
    }
    let at = step.node(0)?;
    let [_, rows, columns] = image(at)?;
    let given = |which| -> Result<Option<&Constant>> {
        Ok(step.optional_constant(which)?.filter(|constant| constant.count() > 0))
    };
    let output = match (given(2)?, given(3)?) {
        (_, Some(sizes)) => from_sizes(step, &sizes.ints()?, &at.shape)?,
        (Some(scales), None) => from_scales(&whole(step, scales.floats()?, 1.0)?, [rows, columns])?,
        (None, None) => return Err(Fault::malformed("it has neither scales nor sizes")),
    };
    let coordinates = match &*step.text("coordinate_transformation_mode", "half_pixel") {
        "half_pixel" => Coordinates::HalfPixel,
        "pytorch_half_pixel" => Coordinates::PytorchHalfPixel,
        "align_corners" => Coordinates::AlignCorners,
        "asymmetric" => Coordinates::Asymmetric,
        other => return Err(Fault::unsupported(format!("`coordinate_transformation_mode` \"{other}\""))),
    };
    let resize = Resize { output, mode: mode(step)?, coordinates };
    Ok(one(context.layer(step, resize, &[at])?))
}

fn mode(step: &Step) -> Result<ResizeMode> {
    Ok(match &*step.text("mode", "nearest") {
        "linear" => ResizeMode::Linear,
        "cubic" => ResizeMode::Cubic { a: step.float("cubic_coeff_a", -0.75) },
        "nearest" => ResizeMode::Nearest(match &*step.text("nearest_mode", "round_prefer_floor") {
            "round_prefer_floor" => Rounding::PreferFloor,
            "round_prefer_ceil" => Rounding::PreferCeil,
            "floor" => Rounding::Floor,
            "ceil" => Rounding::Ceil,
            other => return Err(Fault::malformed(format!("`nearest_mode` is \"{other}\""))),
        }),
        other => return Err(Fault::malformed(format!("`mode` is \"{other}\""))),
    })
}

/// A number for each of the four dimensions from one for each of `axes`.
fn whole<T: Copy>(step: &Step, given: Vec<T>, default: T) -> Result<Vec<T>> {
    let Some(axes) = step.ints("axes") else { return Ok(given) };
    let mut all = vec![default; 4];
    if axes.len() != given.len() {
        return Err(Fault::malformed(format!("{} numbers for {} axes", given.len(), axes.len())));
    }
    for (&dimension, value) in axes.iter().zip(given) {
        all[axis(dimension, 4)?] = value;
    }
    Ok(all)
}

fn from_scales(scales: &[f32], input: [usize; 2]) -> Result<ResizeTo> {
    let &[1.0, 1.0, down, across] = scales else {
        return Err(Fault::unsupported(format!("scales {scales:?}, only those of rows and columns may differ from 1")));
    };
    if !(down > 0.0 && across > 0.0 && down.is_finite() && across.is_finite()) {
        return Err(Fault::malformed(format!("scales {scales:?}")));
    }
    // A scale as 12/7 has no exact value; in `f32` as in other programs seven places become twelve of it, not eleven.
    let size = [input[0] as f32 * down, input[1] as f32 * across].map(f32::floor);
    let is_exact = |axis: usize, scale: f32| (size[axis] / input[axis] as f32 - scale).abs() <= 1e-6 * scale;
    if is_exact(0, down) && is_exact(1, across) && size.iter().all(|&length| length >= 1.0) {
        return Ok(ResizeTo::Size(size.map(|length| length as usize)));
    }
    Ok(ResizeTo::Scales([down.into(), across.into()]))
}

fn from_sizes(step: &Step, sizes: &[i64], shape: &[usize]) -> Result<ResizeTo> {
    let mut sizes = sizes.to_vec();
    if step.has("axes") {
        sizes = whole(step, sizes, -1)?;
    }
    let &[batch, channels, rows, columns] = sizes.as_slice() else {
        return Err(Fault::malformed(format!("sizes {sizes:?} for four dimensions")));
    };
    let is_batch = [-1, BATCH as i64, step.file_batch.unwrap_or(1) as i64].contains(&batch);
    if !is_batch || ![-1, shape[1] as i64].contains(&channels) {
        return Err(Fault::unsupported(format!("sizes {sizes:?}, only those of rows and columns may change")));
    }
    let length = |value: i64, now: usize| if value == -1 { Ok(now) } else { size("sizes", value, 1) };
    Ok(ResizeTo::Size([length(rows, shape[2])?, length(columns, shape[3])?]))
}
