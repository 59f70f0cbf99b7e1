//! Layers that prepare the picture within the network, and are kept there.

use candle_core::Tensor;

use super::{
    super::{
        fault::Fault,
        site::Site,
        tensor::{At, Order},
    },
    dense::reordered,
};
use crate::graph::ops::{Arithmetic, BinaryConstant, Coordinates, Dropout, Resize, ResizeMode, ResizeTo};

/// Multiplies, then adds: one number for all, or one a channel.
fn affine(site: &mut Site, input: &At, scale: &[f64], offset: &[f64]) -> Result<At, Fault> {
    let scale = per_channel(site, input, scale)?;
    let plain = offset.iter().all(|&offset| offset == 0.0);
    let scaled = BinaryConstant::new(Arithmetic::Mul, scale, false);
    let at = if plain {
        site.add(scaled, &[input])?
    } else {
        let at = site.add_part("scale", scaled, &[input])?;
        let offset = per_channel(site, input, offset)?;
        site.add_part("offset", BinaryConstant::new(Arithmetic::Add, offset, false), &[&at])?
    };
    Ok(at.ordered(input.order.clone()))
}

/// Numbers as a tensor that stretches over the input.
pub(super) fn per_channel(site: &Site, input: &At, numbers: &[f64]) -> Result<Tensor, Fault> {
    let values: Vec<f32> = numbers.iter().map(|&number| number as f32).collect();
    let count = values.len();
    if count == 1 {
        return site.place(&Tensor::new(values.as_slice(), &candle_core::Device::Cpu)?);
    }
    if count != site.check(input.features())? {
        return Err(site.fault(format!("it has {count} numbers for the shape {:?}", input.keras_shape())));
    }
    let tensor = Tensor::from_vec(values, count, &candle_core::Device::Cpu)?;
    match input.image() {
        Ok(_) => site.place(&tensor.reshape((1, count, 1, 1))?),
        Err(_) => site.place(&reordered(&tensor, &input.order)?),
    }
}

/// Says that the network scales its input itself.
fn note(site: &mut Site) {
    let name = site.name();
    site.shop.notes.push(format!(
        "The network scales its input itself (layer {name}); the card's scale, mean and std come before that."
    ));
}

/// `scale · x + offset`.
pub(super) fn rescaling(site: &mut Site, inputs: &[At]) -> Result<At, Fault> {
    let input = site.single(inputs)?;
    let scale = site.check(site.settings().numbers("scale"))?.ok_or_else(|| site.fault("`scale` is missing"))?;
    let offset = site.check(site.settings().numbers("offset"))?.unwrap_or_else(|| vec![0.0]);
    note(site);
    affine(site, input, &scale, &offset)
}

/// `(x − mean) / max(√variance, 1e-7)`, with numbers from the description or from the weights; or its inverse.
pub(super) fn normalization(site: &mut Site, inputs: &[At]) -> Result<At, Fault> {
    let input = site.single(inputs)?;
    let axes = site.check(site.settings().integers("axis"))?.unwrap_or_default();
    let last = site.check(input.dimension(-1))?;
    let by_channel = match axes.as_slice() {
        [] => false,
        [axis] if site.check(input.dimension(*axis))? == last => true,
        _ => return Err(site.fault(format!("its axes {axes:?} are not that of the channels"))),
    };
    let given = [site.check(site.settings().numbers("mean"))?, site.check(site.settings().numbers("variance"))?];
    let (mean, variance) = if let [Some(mean), Some(variance)] = given {
        (mean, variance)
    } else {
        let shape: Vec<usize> = if by_channel { vec![site.check(input.features())?] } else { Vec::new() };
        let mut take = |number: usize, name: &str| -> Result<Vec<f64>, Fault> {
            let values = site.take(number, &[name], &shape)?.flatten_all()?.to_vec1::<f32>()?;
            Ok(values.into_iter().map(f64::from).collect())
        };
        let learned = (take(0, "mean")?, take(1, "variance")?);
        // How many examples they are from; older versions do not keep it.
        if site.weight_shape(2, &["count"]).is_some() {
            site.take(2, &["count"], &[])?;
        }
        learned
    };
    let deviation: Vec<f64> = variance.iter().map(|variance| variance.max(0.0).sqrt().max(1e-7)).collect();
    if mean.len() != deviation.len() {
        return Err(site.fault(format!("it has {} means and {} variances", mean.len(), deviation.len())));
    }
    note(site);
    if site.settings().flag("invert", false) {
        return affine(site, input, &deviation, &mean);
    }
    let scale: Vec<f64> = deviation.iter().map(|deviation| 1.0 / deviation).collect();
    let (mean, scale) = (per_channel(site, input, &mean)?, per_channel(site, input, &scale)?);
    let at = site.add_part("mean", BinaryConstant::new(Arithmetic::Sub, mean, false), &[input])?;
    let at = site.add_part("deviation", BinaryConstant::new(Arithmetic::Mul, scale, false), &[&at])?;
    Ok(at.ordered(input.order.clone()))
}

/// Bilinear resizing without antialiasing; nothing where the size fits.
pub(super) fn resizing(site: &mut Site, inputs: &[At]) -> Result<At, Fault> {
    let input = site.single(inputs)?;
    site.check(site.settings().channels_last())?;
    let [_, rows, columns] = site.check(input.image())?;
    let size = [site.check(site.settings().size("height"))?, site.check(site.settings().size("width"))?];
    debug_assert_eq!(input.order, Order::Keras, "an image has Keras's order");
    if size == [rows, columns] {
        return site.add(Dropout, &[input]);
    }
    let settings = site.settings();
    let cuts = ["crop_to_aspect_ratio", "pad_to_aspect_ratio", "antialias"].iter().any(|key| settings.flag(key, false));
    if cuts || !matches!(settings.text("interpolation"), Some("bilinear") | None) {
        return Err(site.fault("only bilinear resizing without cropping, padding and antialiasing is supported"));
    }
    let (output, mode, coordinates) = (ResizeTo::Size(size), ResizeMode::Linear, Coordinates::HalfPixel);
    site.add(Resize { output, mode, coordinates }, &[input])
}
