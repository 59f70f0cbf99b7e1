//! Eigen-CAM.

use candle_core::{Device, Tensor};

use super::{
    About, Ask, Attribution, ExplainError, Group, Method,
    channels::{Planes, layer_map, spatial_output},
    eigen::leading,
};
use crate::graph::{Control, Graph, Keep, NodeId};

/// Muhammad and Yeasin 2020, as in pytorch-grad-cam: each place's projection on the first principal component of the
/// layer's channels, each channel centred on its mean.
///
/// A principal component has no sign of its own, and pytorch-grad-cam takes whichever its library gives. Here the map
/// has the sign with which it goes along with the mean over the channels (their scalar product is not negative).
pub(super) struct EigenCam;

impl Method for EigenCam {
    fn name(&self) -> &'static str {
        "eigencam"
    }

    fn label(&self) -> &'static str {
        "Eigen-CAM"
    }

    fn group(&self) -> Group {
        Group::Cam
    }

    fn about(&self) -> About {
        About {
            shows: "What dominates the layer: the one pattern that explains most of how its channels differ from place to place.",
            cannot: "Any class: the map is the same for all of them. Its sign is a convention (bright where the layer is active on average).",
            costs: "One forward pass.",
            paper: "Muhammad and Yeasin 2020",
        }
    }

    fn needs_layer(&self) -> bool {
        true
    }

    fn depends_on_target(&self) -> bool {
        false
    }

    fn keeps(&self, _graph: &Graph, layer: NodeId) -> Keep {
        Keep::nothing().output_of(layer)
    }

    fn compute(&self, ask: &Ask) -> Result<Attribution, ExplainError> {
        let mut output = spatial_output(ask.trace, ask.layer, ask.slice)?;
        let size = [output.rows, output.columns];
        if output.values.iter().any(|value| !value.is_finite()) {
            return Err(ExplainError::NotFinite { layer: ask.graph().name_of(ask.layer) });
        }
        centre(&mut output);
        let mut mean = vec![0.0_f64; output.rows * output.columns];
        for plane in output.planes() {
            mean.iter_mut().zip(plane).for_each(|(sum, value)| *sum += value);
        }
        let mut map = projection(&output, ask.control)?;
        if map.iter().zip(&mean).map(|(a, b)| a * b).sum::<f64>() < 0.0 {
            for value in &mut map {
                *value = -*value;
            }
        }
        layer_map(self.name(), ask, ask.layer, size, &map)
    }
}

/// Takes each channel's mean from it.
fn centre(output: &mut Planes) {
    for plane in output.values.chunks_exact_mut((output.rows * output.columns).max(1)) {
        let mean = plane.iter().sum::<f64>() / plane.len() as f64;
        for value in plane {
            *value -= mean;
        }
    }
}

/// The first principal component's score of each place; zeros where the channels are constant.
fn projection(centred: &Planes, control: &Control) -> Result<Vec<f64>, ExplainError> {
    let places = centred.rows * centred.columns;
    let channels = Tensor::from_slice(&centred.values, (centred.channels, places), &Device::Cpu)?;
    if places <= centred.channels {
        // The first left singular vector of the places, times its singular value.
        let (vector, value) = leading(&channels.t()?.matmul(&channels)?, control)?;
        return Ok(vector.into_iter().map(|element| element * value.sqrt()).collect());
    }
    let (vector, _) = leading(&channels.matmul(&channels.t()?)?, control)?;
    let vector = Tensor::from_vec(vector, (1, centred.channels), &Device::Cpu)?;
    Ok(vector.matmul(&channels)?.flatten_all()?.to_vec1::<f64>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_places_than_channels_give_the_same_as_fewer() {
        let values: Vec<f64> = (0..24).map(|index| f64::from(index * index % 17) - 7.0).collect();
        let mut wide = Planes { channels: 4, rows: 2, columns: 3, values: values.clone() };
        centre(&mut wide);
        let few = projection(&wide, &Control::default()).unwrap();
        // The same places with each channel four times over, halved: the same matrix of the places.
        let doubled: Vec<f64> = (0..4).flat_map(|_| wide.values.iter().map(|value| value / 2.0)).collect();
        let wide = Planes { channels: 16, rows: 2, columns: 3, values: doubled };
        let many = projection(&wide, &Control::default()).unwrap();
        let sign = (few[0] * many[0]).signum();
        assert!(few.iter().zip(&many).all(|(a, b)| (a - sign * b).abs() < 1e-9), "{few:?} {many:?}");
    }
}
