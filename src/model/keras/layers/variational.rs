//! TensorFlow Probability's layers whose weights have a normal posterior: `kernel_posterior_loc`, and
//! `kernel_posterior_untransformed_scale` with `σ = ε₃₂ + softplus(ρ)`.
//!
//! The network computes with the means. Means and standard deviations are kept for sampling; a dense layer at the end
//! becomes the stochastic head, which has a sampler of its own.

use candle_core::Tensor;

use super::{
    super::{
        fault::Fault,
        site::{DensePosterior, Found, Site},
        tensor::At,
    },
    convolution::{kernel, sizes},
    dense::transposed,
};
use crate::{
    graph::ops::Linear,
    uncertainty::{WeightPosterior, sigma_of_rho},
};

/// The tensors of a layer, in Keras's order.
struct Posterior {
    loc: Tensor,
    /// None where the kernel has no distribution.
    rho: Option<Tensor>,
    bias: Option<Tensor>,
    /// None where the bias has no distribution, which is the usual case.
    bias_rho: Option<Tensor>,
}

/// The number of a tensor among a layer's depends on which of those before it there are.
fn take(site: &mut Site, shape: &[usize], units: usize) -> Result<Posterior, Fault> {
    let loc = site.take(0, &["kernel_posterior_loc"], shape)?;
    let mut next = 1;
    let mut optional = |site: &mut Site, name: &str, shape: &[usize]| -> Result<Option<Tensor>, Fault> {
        if site.weight_shape(next, &[name]).as_deref() != Some(shape) {
            return Ok(None);
        }
        next += 1;
        site.take(next - 1, &[name], shape).map(Some)
    };
    let rho = optional(site, "kernel_posterior_untransformed_scale", shape)?;
    let mut bias = optional(site, "bias_posterior_loc", &[units])?;
    let bias_rho = optional(site, "bias_posterior_untransformed_scale", &[units])?;
    if bias.is_none() && site.settings().get("bias_posterior_fn").is_some() {
        bias = Some(site.take(next, &["bias_posterior_loc"], &[units])?);
    }
    if site.weight_shape(0, &["kernel_posterior_loc"]).is_none() {
        // Nothing is there; the error should name both.
        site.take(1, &["kernel_posterior_untransformed_scale"], shape)?;
    }
    Ok(Posterior { loc, rho, bias, bias_rho })
}

pub(super) fn dense(site: &mut Site, inputs: &[At]) -> Result<At, Fault> {
    let input = site.single(inputs)?;
    let &[_, features] = input.shape.as_slice() else {
        return Err(site.fault(format!("it takes a flat tensor, not one of the shape {:?}", input.keras_shape())));
    };
    let units = site.check(site.settings().size("units"))?;
    let posterior = take(site, &[features, units], units)?;
    let loc = transposed(&posterior.loc, &input.order)?;
    let (weight, bias) = (site.place(&loc)?, posterior.bias.as_ref().map(|bias| site.place(bias)).transpose()?);
    let linear = Linear::new(weight, bias)?;
    let at = site.add_activated("dense", linear, &[input])?;
    if let Some(rho) = &posterior.rho {
        let rho = transposed(rho, &input.order)?;
        let dense = match posterior.bias_rho {
            None => Some(DensePosterior { loc: loc.clone(), rho: rho.clone(), bias: posterior.bias.clone() }),
            Some(_) => None,
        };
        keep(site, [&loc, &rho], posterior.bias_rho.as_ref(), dense, input, &at)?;
    }
    Ok(at)
}

pub(super) fn conv2d(site: &mut Site, inputs: &[At]) -> Result<At, Fault> {
    let input = site.single(inputs)?;
    let [channels, rows, columns] = site.check(input.image())?;
    let sizes = site.check(sizes(site.settings()))?;
    let filters = site.check(site.settings().size("filters"))?;
    let [height, width] = sizes.window.kernel;
    let posterior = take(site, &[height, width, channels, filters], filters)?;
    let loc = kernel(site, &posterior.loc)?;
    let bias = posterior.bias.as_ref().map(|bias| site.place(bias)).transpose()?;
    let conv = sizes.conv(loc.clone(), bias, [rows, columns])?;
    let at = site.add_activated("convolution", conv, &[input])?;
    if let Some(rho) = &posterior.rho {
        let rho = kernel(site, rho)?;
        keep(site, [&loc, &rho], posterior.bias_rho.as_ref(), None, input, &at)?;
    }
    Ok(at)
}

/// Keeps mean and standard deviation of a layer's weights.
fn keep(
    site: &mut Site,
    [loc, rho]: [&Tensor; 2],
    bias_rho: Option<&Tensor>,
    dense: Option<DensePosterior>,
    input: &At,
    output: &At,
) -> Result<(), Fault> {
    let deviations = |rho: &Tensor| -> Result<Tensor, Fault> {
        let sigma: Vec<f32> = rho.flatten_all()?.to_vec1::<f32>()?.into_iter().map(sigma_of_rho).collect();
        Ok(Tensor::from_vec(sigma, rho.shape(), rho.device())?)
    };
    let (std, bias_std) = (deviations(rho)?, bias_rho.map(deviations).transpose()?);
    let posterior = WeightPosterior { layer: site.name(), mean: loc.clone(), std, bias_std };
    site.shop.posteriors.push(Found { posterior, dense, output: output.clone(), input: input.clone() });
    Ok(())
}
