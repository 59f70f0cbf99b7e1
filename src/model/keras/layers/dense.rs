//! Dense layers. Kernels are `[in, out]` in Keras, `[out, in]` in the graph; after a flattening their inputs lie in
//! another order.

use candle_core::{Device, Tensor};

use super::super::{
    fault::Fault,
    site::Site,
    tensor::{At, Order},
};
use crate::graph::ops::{Conv2d, Linear};

/// `[in, out]` → `[out, in]`, the inputs in the order in which they come.
pub(super) fn transposed(tensor: &Tensor, order: &Order) -> Result<Tensor, Fault> {
    let ordered = match order.in_keras() {
        Some(numbers) => {
            let count = numbers.len();
            tensor.contiguous()?.index_select(&Tensor::from_vec(numbers, count, &Device::Cpu)?, 0)?
        }
        None => tensor.clone(),
    };
    Ok(ordered.t()?.contiguous()?)
}

/// Numbers of a tensor with one element a feature, in the order in which the features come.
pub(super) fn reordered(tensor: &Tensor, order: &Order) -> Result<Tensor, Fault> {
    match order.in_keras() {
        Some(numbers) => {
            let count = numbers.len();
            let tensor = tensor.contiguous()?;
            Ok(tensor.index_select(&Tensor::from_vec(numbers, count, &Device::Cpu)?, 0)?)
        }
        None => Ok(tensor.clone()),
    }
}

/// Of an image, a dense layer takes each place for itself, as a 1×1 convolution does.
pub(super) fn dense(site: &mut Site, inputs: &[At]) -> Result<At, Fault> {
    let input = site.single(inputs)?;
    let units = site.check(site.settings().size("units"))?;
    let features = site.check(input.features())?;
    let kernel = site.take(0, &["kernel"], &[features, units])?;
    let bias = if site.settings().flag("use_bias", true) {
        let bias = site.take(1, &["bias"], &[units])?;
        Some(site.place(&bias)?)
    } else {
        None
    };
    let weight = transposed(&kernel, &input.order)?;
    if input.image().is_ok() {
        let weight = site.place(&weight.reshape((units, features, 1, 1))?)?;
        return site.add_activated("dense", Conv2d::new(weight, bias)?, &[input]);
    }
    let weight = site.place(&weight)?;
    site.add_activated("dense", Linear::new(weight, bias)?, &[input])
}
