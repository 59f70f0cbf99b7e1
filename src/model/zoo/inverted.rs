//! Inverted residual blocks with squeeze and excitation: what MobileNet v3 and EfficientNet are made of.

use super::layers::{At, Kernel, Layers, Width};
use crate::{
    graph::ops::{AdaptiveAvgPool2d, Add, Arithmetic, Binary, Function, Map, Relu},
    model::ModelError,
};

/// What follows a batch normalisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Activation {
    Nothing,
    Relu,
    /// ReLU cut at 6.
    Relu6,
    HardSwish,
    /// `x · sigmoid(x)`, also called swish.
    Silu,
}

/// torchvision's `Conv2dNormActivation`: the nodes `0`, `1` and, unless there is no activation, `2`.
pub(super) fn conv_norm(
    layers: &mut Layers,
    module: &str,
    at: At,
    (kernel, width): (Kernel, Width),
    activation: Activation,
) -> Result<At, ModelError> {
    let at = layers.conv(&format!("{module}.0"), at, kernel, width)?;
    let at = layers.batch_norm(&format!("{module}.1"), at)?;
    Ok(activate(layers, &format!("{module}.2"), at, activation))
}

/// An unbiased depthwise convolution's sizes: each channel for itself, rows and columns divided by the stride.
pub(super) fn depthwise(at: At, size: usize, stride: usize) -> (Kernel, Width) {
    let kernel = Kernel { groups: at.channels, ..Kernel::unbiased(size, stride, size / 2) };
    (kernel, Width::Exactly(at.channels))
}

/// A 1×1 convolution's sizes.
pub(super) fn pointwise(width: Width) -> (Kernel, Width) {
    (Kernel::unbiased(1, 1, 0), width)
}

pub(super) fn activate(layers: &mut Layers, name: &str, at: At, activation: Activation) -> At {
    match activation {
        Activation::Nothing => at,
        Activation::Relu => layers.relu(name, at),
        Activation::Relu6 => layers.add(name, Map(Function::Clip { min: 0.0, max: 6.0 }), at, at.channels),
        Activation::HardSwish => layers.add(name, Map(Function::HardSwish), at, at.channels),
        Activation::Silu => layers.add(name, Map(Function::Silu), at, at.channels),
    }
}

/// The sum with a block's input, where the block has changed neither the channels nor the rows and columns.
pub(super) fn residual(layers: &mut Layers, module: &str, input: At, output: At, stride: usize) -> At {
    if stride != 1 || input.channels != output.channels {
        return output;
    }
    layers.join(&format!("{module}.add"), Add, &[output, input], output.channels)
}

/// What a block's squeeze and excitation (Hu et al. 2018) has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Squeeze {
    /// Usual channels between its two convolutions.
    pub width: usize,
    /// Whether its functions are ReLU and the hard sigmoid; else SiLU and the sigmoid.
    pub hard: bool,
}

/// The sizes of a block with their usual widths.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block {
    /// Rows and columns of the depthwise convolution.
    pub kernel: usize,
    pub stride: usize,
    /// Channels of the depthwise convolution; as many as come in means that nothing expands them.
    pub expanded: usize,
    /// Channels that go out.
    pub width: Width,
    pub squeeze: Option<Squeeze>,
    pub activation: Activation,
}

/// Expand, filter each channel, weigh the channels, project; then the sum with the input where that fits.
pub(super) fn block(layers: &mut Layers, module: &str, at: At, sizes: &Block) -> Result<At, ModelError> {
    let mut number = 0;
    let mut next = || {
        number += 1;
        format!("{module}.block.{}", number - 1)
    };
    // Only an expanding convolution is 1×1; without weights the usual widths decide.
    let first = layers.dimension(&format!("{module}.block.0.0"), 2);
    let expands = first.map_or(sizes.expanded != at.channels, |rows| rows == 1);
    let mut inner = at;
    if expands {
        inner = conv_norm(layers, &next(), inner, pointwise(Width::FromWeights(sizes.expanded)), sizes.activation)?;
    }
    inner = conv_norm(layers, &next(), inner, depthwise(inner, sizes.kernel, sizes.stride), sizes.activation)?;
    if let Some(squeeze) = sizes.squeeze {
        inner = excite(layers, &next(), inner, squeeze)?;
    }
    inner = conv_norm(layers, &next(), inner, pointwise(sizes.width), Activation::Nothing)?;
    Ok(residual(layers, module, at, inner, sizes.stride))
}

/// Each channel times a factor that two 1×1 convolutions make from the means of all.
fn excite(layers: &mut Layers, module: &str, at: At, squeeze: Squeeze) -> Result<At, ModelError> {
    let point = Kernel::new(1, 1, 0);
    let scale = layers.add(&format!("{module}.avgpool"), AdaptiveAvgPool2d::GLOBAL, at, at.channels);
    let scale = layers.conv(&format!("{module}.fc1"), scale, point, Width::FromWeights(squeeze.width))?;
    let inner = format!("{module}.activation");
    let scale = if squeeze.hard {
        layers.add(&inner, Relu, scale, scale.channels)
    } else {
        layers.add(&inner, Map(Function::Silu), scale, scale.channels)
    };
    let scale = layers.conv(&format!("{module}.fc2"), scale, point, Width::Exactly(at.channels))?;
    let outer = if squeeze.hard { Function::HardSigmoid { alpha: 1.0 / 6.0, beta: 0.5 } } else { Function::Sigmoid };
    let scale = layers.add(&format!("{module}.scale_activation"), Map(outer), scale, scale.channels);
    Ok(layers.join(&format!("{module}.mul"), Binary(Arithmetic::Mul), &[at, scale], at.channels))
}

/// A width times a multiplier as torchvision rounds it: to the nearest multiple of 8, never more than 10 % down.
pub(super) fn scaled(width: usize, multiplier: f64) -> usize {
    let wanted = width as f64 * multiplier;
    let rounded = ((wanted + 4.0) as usize / 8 * 8).max(8);
    if (rounded as f64) < 0.9 * wanted { rounded + 8 } else { rounded }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_rounded_as_torchvision_does() {
        let cases =
            [(32, 1.4, 48), (16, 1.4, 24), (24, 1.1, 24), (40, 1.2, 48), (1280, 0.5, 640), (10, 1.0, 16), (1, 1.0, 8)];
        for (width, multiplier, expected) in cases {
            assert_eq!(scaled(width, multiplier), expected, "{width} × {multiplier}");
        }
    }
}
