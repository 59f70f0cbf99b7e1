//! Convolutions. Kernels are `[rows, columns, in, out]` in Keras, `[out, in, rows, columns]` in the graph.

use candle_core::Tensor;

use super::super::{
    fault::Fault,
    padding::{Window, transposed_same_or_valid},
    settings::Settings,
    site::{ACTIVATION, Site},
    tensor::At,
};
use crate::graph::ops::{Conv2d, ConvTranspose2d};

/// What all convolutions have: kernel, steps, padding.
pub(super) struct Sizes {
    pub window: Window,
    pub bias: bool,
}

/// Reads the sizes of a convolution.
pub(super) fn sizes(settings: &Settings) -> Result<Sizes, String> {
    settings.channels_last()?;
    let kernel = settings.pair("kernel_size")?.ok_or("`kernel_size` is missing")?;
    let stride = settings.pair("strides")?.unwrap_or([1; 2]);
    let dilation = settings.pair("dilation_rate")?.unwrap_or([1; 2]);
    let same = match settings.text("padding") {
        Some("same") => true,
        Some("valid") | None => false,
        Some(other) => return Err(format!("its padding is \"{other}\"")),
    };
    Ok(Sizes { window: Window { kernel, stride, dilation, same }, bias: settings.flag("use_bias", true) })
}

impl Sizes {
    /// A convolution of an image of this size.
    pub fn conv(&self, weight: Tensor, bias: Option<Tensor>, size: [usize; 2]) -> Result<Conv2d, Fault> {
        let [begin, end] = self.window.padding(size);
        let conv = Conv2d::new(weight, bias)?.stride(self.window.stride).dilation(self.window.dilation);
        Ok(conv.padding(begin).padding_end(end))
    }
}

/// `[rows, columns, in, out]` → `[out, in, rows, columns]`.
pub(super) fn kernel(site: &Site, tensor: &Tensor) -> Result<Tensor, Fault> {
    site.place(&tensor.permute((3, 2, 0, 1))?)
}

/// `[rows, columns, in, multiplier]` → `[in · multiplier, 1, rows, columns]`.
fn depthwise_kernel(site: &Site, tensor: &Tensor) -> Result<Tensor, Fault> {
    let (rows, columns, channels, multiplier) = tensor.dims4()?;
    let kernel = tensor.permute((2, 3, 0, 1))?.contiguous()?.reshape((channels * multiplier, 1, rows, columns))?;
    site.place(&kernel)
}

fn take_bias(site: &mut Site, number: usize, has: bool, filters: usize) -> Result<Option<Tensor>, Fault> {
    if !has {
        return Ok(None);
    }
    let bias = site.take(number, &["bias"], &[filters])?;
    site.place(&bias).map(Some)
}

pub(super) fn conv2d(site: &mut Site, inputs: &[At]) -> Result<At, Fault> {
    let input = site.single(inputs)?;
    let [channels, rows, columns] = site.check(input.image())?;
    let sizes = site.check(sizes(site.settings()))?;
    let filters = site.check(site.settings().size("filters"))?;
    let groups = site.check(site.settings().size_or("groups", 1))?;
    if channels % groups != 0 || filters % groups != 0 {
        return Err(site.fault(format!("{channels} channels and {filters} filters cannot be in {groups} groups")));
    }
    let [height, width] = sizes.window.kernel;
    let weight = site.take(0, &["kernel"], &[height, width, channels / groups, filters])?;
    let weight = kernel(site, &weight)?;
    let bias = take_bias(site, 1, sizes.bias, filters)?;
    let conv = sizes.conv(weight, bias, [rows, columns])?.groups(groups);
    site.add_activated("convolution", conv, &[input])
}

pub(super) fn depthwise(site: &mut Site, inputs: &[At]) -> Result<At, Fault> {
    let input = site.single(inputs)?;
    let [channels, rows, columns] = site.check(input.image())?;
    let sizes = site.check(sizes(site.settings()))?;
    let multiplier = site.check(site.settings().size_or("depth_multiplier", 1))?;
    let [height, width] = sizes.window.kernel;
    let weight = site.take(0, &["depthwise_kernel", "kernel"], &[height, width, channels, multiplier])?;
    let weight = depthwise_kernel(site, &weight)?;
    let bias = take_bias(site, 1, sizes.bias, channels * multiplier)?;
    let conv = sizes.conv(weight, bias, [rows, columns])?.groups(channels);
    site.add_activated("convolution", conv, &[input])
}

/// Each channel for itself, then a 1×1 convolution: the nodes `LAYER.depthwise` and `LAYER.pointwise`.
pub(super) fn separable(site: &mut Site, inputs: &[At]) -> Result<At, Fault> {
    let input = site.single(inputs)?;
    let [channels, rows, columns] = site.check(input.image())?;
    let sizes = site.check(sizes(site.settings()))?;
    let filters = site.check(site.settings().size("filters"))?;
    let multiplier = site.check(site.settings().size_or("depth_multiplier", 1))?;
    let [height, width] = sizes.window.kernel;
    let weight = site.take(0, &["depthwise_kernel"], &[height, width, channels, multiplier])?;
    let weight = depthwise_kernel(site, &weight)?;
    let point = site.take(1, &["pointwise_kernel"], &[1, 1, channels * multiplier, filters])?;
    let point = kernel(site, &point)?;
    let bias = take_bias(site, 2, sizes.bias, filters)?;
    let conv = sizes.conv(weight, None, [rows, columns])?.groups(channels);
    let at = site.add_part("depthwise", conv, &[input])?;
    let at = site.add_part("pointwise", Conv2d::new(point, bias)?, &[&at])?;
    let function = site.inline()?;
    site.activate(ACTIVATION, function, &at)
}

/// Kernels `[rows, columns, out, in]` in Keras.
pub(super) fn transposed(site: &mut Site, inputs: &[At]) -> Result<At, Fault> {
    let input = site.single(inputs)?;
    let [channels, rows, columns] = site.check(input.image())?;
    let sizes = site.check(sizes(site.settings()))?;
    let filters = site.check(site.settings().size("filters"))?;
    let output_padding = match site.settings().get("output_padding") {
        Some(_) => Some(site.check(site.settings().borders("output_padding"))?.map(|[first, _]| first)),
        None => None,
    };
    let [height, width] = sizes.window.kernel;
    let weight = site.take(0, &["kernel"], &[height, width, filters, channels])?;
    let weight = kernel(site, &weight)?;
    let bias = take_bias(site, 1, sizes.bias, filters)?;
    let lay = site.check(transposed_same_or_valid(&sizes.window, output_padding, [rows, columns]))?;
    let conv = ConvTranspose2d::new(weight, bias)?.stride(sizes.window.stride).dilation(sizes.window.dilation);
    let conv = conv.padding(lay.begin).padding_end(lay.end).output_padding(lay.added);
    site.add_activated("convolution", conv, &[input])
}
