//! What is explained: a class's logit, or the sum of a class's logits over a region of a segmentation.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};

use super::ExplainError;
use crate::graph::Trace;

/// What is explained: the raw logit of a class, or its negative.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// The class, counted from 0.
    pub class: usize,
    /// What the logit is multiplied by: 1, or −1 for the negative class of a sigmoid with one unit.
    pub sign: f32,
    /// For segmentation networks: where the logits are summed. Ignored where the output has no rows and columns.
    pub region: Region,
}

impl Target {
    /// The logit of a class; in a segmentation, summed over the pixels that are predicted to be of this class.
    #[must_use]
    pub const fn class(class: usize) -> Self {
        Self { class, sign: 1.0, region: Region::Predicted }
    }
}

/// Where a segmentation's logits are summed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum Region {
    /// All pixels whose greatest logit is that of the class (with one output: whose logit has the class's sign).
    #[default]
    Predicted,
    /// A region that somebody drew.
    Drawn(Arc<Mask>),
}

/// Pixels of a drawn region, on a grid over the network's whole input.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Mask {
    /// Rows of the grid.
    pub rows: usize,
    /// Columns of the grid.
    pub columns: usize,
    /// `rows × columns`, row-major: whether a pixel is inside.
    pub inside: Vec<bool>,
}

impl Mask {
    /// Whether a place of a grid of `rows × columns` over the same input is inside, by its centre.
    fn covers(&self, [row, column]: [usize; 2], [rows, columns]: [usize; 2]) -> bool {
        let nearest = |place: usize, from: usize, to: usize| ((2 * place + 1) * to / (2 * from)).min(to - 1);
        if self.rows == 0 || self.columns == 0 {
            return false;
        }
        self.inside[nearest(row, rows, self.rows) * self.columns + nearest(column, columns, self.columns)]
    }
}

/// The explained number as a linear function of one element's output: `Σ weight · output`.
///
/// Fixed by the run that is explained, so that the same pixels count in every perturbed run.
#[derive(Debug, Clone)]
pub(super) struct Objective {
    /// One a value of the output of one element, `[classes]` or `[classes, rows, columns]`.
    weights: Vec<f32>,
    shape: Vec<usize>,
    class: usize,
    sign: f32,
}

impl Objective {
    /// The objective of `target` for one element of the batch that was run.
    pub fn of(trace: &Trace, target: &Target, slice: usize) -> Result<Self, ExplainError> {
        if trace.target_node() != trace.graph().output() {
            let target = trace.graph().name_of(trace.target_node());
            return Err(ExplainError::NotLogits { target });
        }
        let output = trace.target();
        let shape = output.dims().get(1..).unwrap_or_default().to_vec();
        let Some(&classes) = shape.first() else {
            return Err(ExplainError::NotSpatial { layer: "output".to_owned(), shape: output.dims().to_vec() });
        };
        check_class(target, classes)?;
        let mut weights = vec![0.0_f32; shape.iter().product()];
        let pixels = weights.len() / classes;
        match *shape.as_slice() {
            [_] => weights[target.class] = target.sign,
            [_, rows, columns] => {
                let row = row_of(output, slice)?;
                let logits = output.get(row)?.flatten_all()?.to_dtype(DType::F32)?.to_vec1::<f32>()?;
                let inside = |pixel: usize| match &target.region {
                    Region::Predicted => is_predicted(&logits, pixel, pixels, target),
                    Region::Drawn(mask) => mask.covers([pixel / columns, pixel % columns], [rows, columns]),
                };
                let mut any = false;
                for pixel in (0..pixels).filter(|&pixel| inside(pixel)) {
                    weights[target.class * pixels + pixel] = target.sign;
                    any = true;
                }
                if !any {
                    return Err(ExplainError::EmptyRegion { class: target.class });
                }
            }
            _ => return Err(ExplainError::NotSpatial { layer: "output".to_owned(), shape: output.dims().to_vec() }),
        }
        Ok(Self { weights, shape, class: target.class, sign: target.sign })
    }

    /// The gradient's seed for one element of a run: the weights in its row (the only row of a stack), else 0.
    pub fn seed(&self, output: &Tensor, slice: usize) -> Result<Tensor, ExplainError> {
        let row = row_of(output, slice)?;
        let mut seed = vec![0.0_f32; output.elem_count()];
        let length = self.weights.len();
        seed[row * length..(row + 1) * length].copy_from_slice(&self.weights);
        let seed = Tensor::from_vec(seed, output.shape(), &Device::Cpu)?;
        Ok(seed.to_dtype(output.dtype())?.to_device(output.device())?)
    }

    /// The seed for all elements of a batch at once, each explained by itself.
    pub fn seed_all(&self, output: &Tensor) -> Result<Tensor, ExplainError> {
        let seed = self.weights.repeat(output.dim(0)?);
        let seed = Tensor::from_vec(seed, output.shape(), &Device::Cpu)?;
        Ok(seed.to_dtype(output.dtype())?.to_device(output.device())?)
    }

    /// The explained number from one element's output.
    pub fn value(&self, output: &[f64]) -> f64 {
        self.weights.iter().zip(output).map(|(&weight, &value)| f64::from(weight) * value).sum()
    }

    /// The mean probability of the class over the region (over the only place of a classification), from one
    /// element's output through `probabilities` (from the logits of one place).
    pub fn probability(&self, output: &[f64], probabilities: impl Fn(&[f64]) -> Vec<f64>) -> f64 {
        let classes = self.shape[0];
        let pixels = self.weights.len() / classes;
        let (mut sum, mut count) = (0.0, 0_usize);
        for pixel in (0..pixels).filter(|pixel| self.weights[self.class * pixels + pixel] != 0.0) {
            let logits: Vec<f64> = (0..classes).map(|class| output[class * pixels + pixel]).collect();
            let probability = probabilities(&logits)[self.class];
            sum += if self.sign < 0.0 { 1.0 - probability } else { probability };
            count += 1;
        }
        sum / count.max(1) as f64
    }
}

/// The class must be one of the network's.
pub(super) fn check_class(target: &Target, classes: usize) -> Result<(), ExplainError> {
    if target.class < classes { Ok(()) } else { Err(ExplainError::NoClass { class: target.class, classes }) }
}

/// Which row of the output speaks for an element of the batch: its own, or the only one of a stack.
fn row_of(output: &Tensor, slice: usize) -> Result<usize, ExplainError> {
    let batch = output.dim(0)?;
    let row = if batch == 1 { 0 } else { slice };
    if row < batch { Ok(row) } else { Err(ExplainError::NoSlice { slice, slices: batch }) }
}

/// Whether a pixel's strongest class is the target's; with one output, whether its logit has the target's sign.
fn is_predicted(logits: &[f32], pixel: usize, pixels: usize, target: &Target) -> bool {
    let own = logits[target.class * pixels + pixel];
    if logits.len() == pixels {
        return own * target.sign > 0.0;
    }
    let others = logits.iter().skip(pixel).step_by(pixels);
    others
        .enumerate()
        .all(|(class, &other)| class == target.class || own > other || (own == other && class > target.class))
}
