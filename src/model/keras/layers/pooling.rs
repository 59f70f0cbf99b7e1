//! Poolings. Places that "same" padding adds never win a maximum and do not count in an average.

use super::super::{fault::Fault, padding::Window, settings::Settings, site::Site, tensor::At};
use crate::graph::ops::{AdaptiveAvgPool2d, AvgPool2d, Flatten, GlobalMaxPool, MaxPool2d};

fn window(settings: &Settings) -> Result<Window, String> {
    settings.channels_last()?;
    let kernel = settings.pair("pool_size")?.unwrap_or([2; 2]);
    let stride = settings.pair("strides")?.unwrap_or(kernel);
    let same = match settings.text("padding") {
        Some("same") => true,
        Some("valid") | None => false,
        Some(other) => return Err(format!("its padding is \"{other}\"")),
    };
    Ok(Window { kernel, stride, dilation: [1; 2], same })
}

pub(super) fn max(site: &mut Site, inputs: &[At]) -> Result<At, Fault> {
    let input = site.single(inputs)?;
    let [_, rows, columns] = site.check(input.image())?;
    let window = site.check(window(site.settings()))?;
    let [begin, end] = window.padding([rows, columns]);
    site.add(MaxPool2d::new(window.kernel, window.stride).padding(begin, end), &[input])
}

pub(super) fn average(site: &mut Site, inputs: &[At]) -> Result<At, Fault> {
    let input = site.single(inputs)?;
    let [_, rows, columns] = site.check(input.image())?;
    let window = site.check(window(site.settings()))?;
    let [begin, end] = window.padding([rows, columns]);
    let pool = AvgPool2d::new(window.kernel, window.stride).padding(begin, end).count_padding(false);
    site.add(pool, &[input])
}

/// The nodes `LAYER.pool` and `LAYER.flatten`; one node where the dimensions are kept.
pub(super) fn global_average(site: &mut Site, inputs: &[At]) -> Result<At, Fault> {
    let input = global(site, inputs)?;
    if site.settings().flag("keepdims", false) {
        return site.add(AdaptiveAvgPool2d::GLOBAL, &[input]);
    }
    let at = site.add_part("pool", AdaptiveAvgPool2d::GLOBAL, &[input])?;
    site.add_part("flatten", Flatten, &[&at])
}

/// As [`global_average`].
pub(super) fn global_max(site: &mut Site, inputs: &[At]) -> Result<At, Fault> {
    let input = global(site, inputs)?;
    if site.settings().flag("keepdims", false) {
        return site.add(GlobalMaxPool, &[input]);
    }
    let at = site.add_part("pool", GlobalMaxPool, &[input])?;
    site.add_part("flatten", Flatten, &[&at])
}

fn global<'i>(site: &Site, inputs: &'i [At]) -> Result<&'i At, Fault> {
    let input = site.single(inputs)?;
    site.check(site.settings().channels_last())?;
    site.check(input.image())?;
    Ok(input)
}
