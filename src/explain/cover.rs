//! "What if I cover this?": what a network says of a picture in which a box is covered.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use candle_core::{DType, Device, Tensor};

use super::{Baseline, ExplainError, InputSpace, extent::Extent};
use crate::graph::{Control, Graph, Local};

/// A picture that has been run, of which boxes can be covered: each costs only what it changes.
#[derive(Debug)]
pub struct Cover {
    local: Local,
    space: InputSpace,
    fills: [OnceLock<Arc<Fill>>; Baseline::ALL.len()],
}

/// What lies under a cover, over the whole picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Fill {
    /// Rows of the network's input.
    pub rows: usize,
    /// Columns of the network's input.
    pub columns: usize,
    /// In network input, `channels × rows × columns`.
    pub values: Vec<f32>,
    /// As people see it, `rows × columns` of red, green, blue; black and white are the picture's.
    pub rgb: Vec<[u8; 3]>,
}

/// Rows and columns of a box, in pixels of network input.
pub type Area = [Range<usize>; 2];

impl Cover {
    /// Runs `input`, `[1, channels, rows, columns]`, and keeps at most `most_bytes` of its activations.
    ///
    /// # Errors
    /// What a run can fail with, cancellation included.
    pub fn new(
        graph: &Arc<Graph>,
        input: &Tensor,
        space: InputSpace,
        most_bytes: usize,
        control: &Control,
    ) -> Result<Self, ExplainError> {
        let local = Local::new(graph, input, graph.output(), most_bytes, control)?;
        Ok(Self { local, space, fills: Default::default() })
    }

    /// The network's output for the whole picture, one element.
    ///
    /// # Errors
    /// When the tensor library fails.
    pub fn before(&self) -> Result<Vec<f32>, ExplainError> {
        values(self.local.output())
    }

    /// The network's output for the picture with a box covered, one element.
    ///
    /// # Errors
    /// [`crate::graph::GraphError::Patch`] for a box that is not inside the picture or has no pixels,
    /// [`ExplainError::NotFinite`] for a picture that is not finite, and what a run can fail with, cancellation included.
    pub fn after(&self, area: &Area, baseline: Baseline, control: &Control) -> Result<Vec<f32>, ExplainError> {
        // A box that is not inside is refused before anything is cut out for it.
        self.share(area)?;
        let fill = self.fill(baseline)?;
        let picture = self.local.picture();
        let (rows, columns) = (area[0].len(), area[1].len());
        let channels = picture.dim(1)?;
        let mut patch = Vec::with_capacity(channels * rows * columns);
        for plane in fill.values.chunks_exact((fill.rows * fill.columns).max(1)) {
            for row in area[0].clone() {
                patch.extend_from_slice(&plane[row * fill.columns..][area[1].clone()]);
            }
        }
        let patch = Tensor::from_vec(patch, (1, channels, rows, columns), &Device::Cpu)?;
        let patch = patch.to_dtype(picture.dtype())?.to_device(picture.device())?;
        values(&self.local.run(&[[area[0].start, area[1].start]], &patch, control)?)
    }

    /// What lies under a cover; made once.
    ///
    /// # Errors
    /// [`ExplainError::NotFinite`] when the picture holds NaN or infinities.
    pub fn fill(&self, baseline: Baseline) -> Result<Arc<Fill>, ExplainError> {
        let kept = &self.fills[baseline as usize];
        if let Some(fill) = kept.get() {
            return Ok(Arc::clone(fill));
        }
        let input = self.local.picture();
        let (_, _, rows, columns) = input.dims4()?;
        let field = baseline.of_input(&self.space, input)?;
        let extent = Extent::of(&self.space.picture(input)?)?;
        let filled = Tensor::from_slice(&field, input.shape(), &Device::Cpu)?;
        let byte = |pixel: f64| (255.0 * (pixel - extent.black) / (extent.white - extent.black)).round() as u8;
        let rgb = self.space.picture(&filled)?.into_iter().map(|colour| colour.map(byte)).collect();
        Ok(Arc::clone(kept.get_or_init(|| Arc::new(Fill { rows, columns, values: field, rgb }))))
    }

    /// The part of a whole run's multiplications that a box takes, 0 ..= 1.
    ///
    /// # Errors
    /// [`crate::graph::GraphError::Patch`] for a box that is not inside the picture.
    pub fn share(&self, area: &Area) -> Result<f64, ExplainError> {
        let cost = self.local.cost(&[[area[0].start, area[1].start]], [area[0].len(), area[1].len()])?;
        Ok(if cost.whole == 0 { 1.0 } else { cost.local as f64 / cost.whole as f64 })
    }

    /// Bytes in memory, about: the activations, and all fills as if they had been made.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.local.bytes() + Baseline::ALL.len() * 2 * self.local.picture().elem_count() * size_of::<f32>()
    }
}

fn values(output: &Tensor) -> Result<Vec<f32>, ExplainError> {
    Ok(output.flatten_all()?.to_dtype(DType::F32)?.to_vec1()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::Squash;
    use crate::graph::{
        GraphBuilder, GraphError, INPUT,
        ops::{AdaptiveAvgPool2d, Conv2d, Flatten},
    };

    /// Logits that are the means of the two channels `x` and `−2 x`, through a window of 3 × 3 ones that are 1/9.
    fn network() -> Arc<Graph> {
        let kernel: Vec<f32> = [1.0_f32, -2.0].into_iter().flat_map(|factor| [factor / 9.0; 9]).collect();
        let weight = Tensor::from_vec(kernel, (2, 1, 3, 3), &Device::Cpu).unwrap();
        let mut graph = GraphBuilder::new();
        let conv = graph.add("conv", Conv2d::new(weight, None).unwrap().padding([1; 2]), &[INPUT]);
        let gap = graph.add("gap", AdaptiveAvgPool2d::GLOBAL, &[conv]);
        graph.add("flatten", Flatten, &[gap]);
        Arc::new(graph.finish().unwrap())
    }

    const SPACE: InputSpace =
        InputSpace { scale: 255.0, mean: [0.5; 3], std: [0.25; 3], reversed: false, squash: Squash::Softmax };

    fn cover() -> Cover {
        // Pixels 10, 11, 12 … of 6 × 9.
        let values: Vec<f32> = (0..54).map(|index| SPACE.normalised(0, f64::from(index + 10)) as f32).collect();
        let input = Tensor::from_vec(values, (1, 1, 6, 9), &Device::Cpu).unwrap();
        Cover::new(&network(), &input, SPACE, 1 << 20, &Control::default()).unwrap()
    }

    #[test]
    fn what_is_covered_is_what_the_network_sees() {
        let (cover, control) = (cover(), Control::default());
        let graph = network();
        for (baseline, area) in
            Baseline::ALL.into_iter().zip([[1..3, 2..6], [0..6, 0..9], [5..6, 8..9], [0..1, 0..9], [2..5, 3..4]])
        {
            let fill = cover.fill(baseline).unwrap();
            let mut values = cover.local.picture().flatten_all().unwrap().to_vec1::<f32>().unwrap();
            for row in area[0].clone() {
                for column in area[1].clone() {
                    values[row * 9 + column] = fill.values[row * 9 + column];
                }
            }
            let covered = Tensor::from_vec(values, (1, 1, 6, 9), &Device::Cpu).unwrap();
            let keep = crate::graph::Keep::nothing();
            let expected = graph.run(&[(INPUT, covered)], graph.output(), &keep, &control).unwrap();
            let expected = super::values(expected.target()).unwrap();
            let found = cover.after(&area, baseline, &control).unwrap();
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-5, "{baseline:?} over {area:?}: {found} is not {expected}");
            }
        }
        assert!(cover.share(&[0..1, 0..1]).unwrap() < cover.share(&[0..6, 0..9]).unwrap());
    }

    #[test]
    fn fills_have_the_colours_that_the_network_sees() {
        let cover = cover();
        let colour = |baseline: Baseline| cover.fill(baseline).unwrap().rgb[20];
        assert_eq!(colour(Baseline::Grey), [128; 3]);
        assert_eq!(colour(Baseline::Black), [0; 3]);
        // The mean of 10 ..= 63 is 36.5, which may be rounded either way; 0 in network input stands for 127.5.
        assert!(matches!(colour(Baseline::Mean), [36 | 37, ..]));
        assert_eq!(colour(Baseline::Zero), [128; 3]);
        let blur = cover.fill(Baseline::Blur).unwrap();
        assert!(blur.rgb[0][0] < blur.rgb[53][0] && blur.rgb[0][0] >= 10 && blur.rgb[53][0] <= 63);
        assert!(Arc::ptr_eq(&blur, &cover.fill(Baseline::Blur).unwrap()), "made once");
    }

    #[test]
    fn boxes_that_are_not_inside_are_refused() {
        let (cover, control) = (cover(), Control::default());
        for area in [[0..7, 0..3], [2..4, 8..10], [3..3, 0..4], [9..12, 0..1], [0..usize::MAX, 0..2]] {
            let error = cover.after(&area, Baseline::Grey, &control).unwrap_err();
            assert!(matches!(error, ExplainError::Graph(GraphError::Patch { .. })), "{area:?}: {error}");
        }
        control.cancel();
        let error = cover.after(&[0..2, 0..2], Baseline::Grey, &control).unwrap_err();
        assert!(matches!(error, ExplainError::Graph(GraphError::Cancelled(_))), "{error}");
    }
}
