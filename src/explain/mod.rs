//! Explanation methods, one file each, written against the graph and a trace of it.
//!
//! A method says what it [`keeps`](Method::keeps) of a run and computes an [`Attribution`] from the
//! [`Trace`](crate::graph::Trace); it changes nothing and knows no architecture, only operations and names. The CAM family shares all but its channel
//! weights (`channels.rs`).

mod ablationcam;
mod activations;
mod attribution;
mod cam;
mod channels;
mod cover;
mod deconvnet;
pub(crate) mod eigen;
mod eigencam;
mod error;
mod extent;
mod feature_deconvnet;
mod feature_maps;
mod fuse;
mod gradcam;
mod gradcam_plus_plus;
mod gradient;
mod gradient_x_input;
mod guided_backprop;
mod guided_gradcam;
mod hirescam;
mod integrated_gradients;
mod kernelshap;
mod layercam;
pub mod lime;
mod method;
mod noisy;
mod occlusion;
mod pace;
pub mod parameters;
mod perturb;
mod pixels;
mod rectifiers;
mod resize;
mod rise;
mod runs;
mod score;
mod scorecam;
mod segments;
mod smoothgrad;
mod space;
mod subject;
pub mod superpixel;
mod target;
mod vargrad;
mod xgradcam;

pub use activations::{Activations, activations, contributions};
pub use attribution::{Attribution, Fact, Reading, Segments};
pub use cam::class_map_layer;
pub use cover::{Area, Cover, Fill};
pub use error::ExplainError;
pub use feature_maps::{FeatureMap, feature_map, feature_maps, keeps_of_feature_maps};
pub use fuse::fuse;
pub use method::{About, Ask, Group, Method};
pub use noisy::{Statistic, noisy_gradients};
pub use parameters::{Parameter, Settings};
pub use perturb::{Baseline, Coalitions};
pub use resize::bilinear;
pub(crate) use runs::batch_size;
pub use segments::Evidence;
pub use space::{InputSpace, Squash};
pub use subject::Subject;
pub use target::{Mask, Region, Target};

/// All methods, in the order in which they are offered.
pub static METHODS: &[&dyn Method] = &[
    &gradcam::GradCam,
    &gradcam_plus_plus::GradCamPlusPlus,
    &cam::Cam,
    &hirescam::HiResCam,
    &layercam::LayerCam,
    &xgradcam::XGradCam,
    &eigencam::EigenCam,
    &scorecam::ScoreCam,
    &ablationcam::AblationCam,
    &gradient::Gradient,
    &gradient_x_input::GradientXInput,
    &smoothgrad::SMOOTHGRAD,
    &vargrad::VARGRAD,
    &integrated_gradients::IntegratedGradients,
    &guided_backprop::GUIDED_BACKPROP,
    &guided_gradcam::GuidedGradCam,
    &deconvnet::DECONVNET,
    &feature_deconvnet::FeatureDeconvnet,
    &occlusion::Occlusion,
    &rise::Rise,
    &lime::Lime,
    &kernelshap::KernelShap,
];

/// The method of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static dyn Method> {
    METHODS.iter().copied().find(|method| method.name() == name)
}

#[cfg(test)]
mod tests;
