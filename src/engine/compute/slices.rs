//! Several slices of a stack in one run: layers read their weights once for all of them.

use candle_core::{Device, Tensor};
use rayon::prelude::*;

use super::stack::{not_a_stack, slice_max, stack_features};
use super::{Failure, KeptLayers, finite_logits, values};
use crate::display::Picture;
use crate::explain;
use crate::graph::{Control, INPUT, Keep};
use crate::model::{Fit, Model};

/// How many slices of a stack go through a model at once: as many as its layers gain from.
///
/// # Errors
/// When the graph can't take its own input.
pub fn slices_at_once(model: &Model) -> Result<usize, Failure> {
    let [rows, columns] = model.card.input.size;
    let input = [1, model.card.input.channels, rows, columns];
    explain::batch_size(&model.graph, INPUT, &input, &model.device).map_err(super::explain_failure)
}

/// What the maximum of a stack network sees of each of several slices, and the layers that [`slice()`](super::slice())
/// keeps of one that is asked nothing. Trunk and head run once for all of them, each slice as a stack of one.
///
/// # Errors
/// When the model is none for stacks, one of the slices can't be run, or on cancellation.
pub fn slices(model: &Model, pictures: &[&Picture], control: &Control) -> Result<Vec<(Vec<f32>, KeptLayers)>, Failure> {
    let inputs = pictures.par_iter().map(|picture| model.input(picture).map_err(Failure::because));
    let inputs = inputs.collect::<Result<Vec<_>, _>>()?;
    let tensors: Vec<&Tensor> = inputs.iter().map(|input| &input.tensor).collect();
    let fits: Vec<Fit> = inputs.iter().map(|input| input.fit).collect();
    slices_of(model, &Tensor::cat(&tensors, 0)?, &fits, control)
}

/// The same from the network's inputs, `[slices, channels, rows, columns]`, with how each lies on its slice.
///
/// # Errors
/// As [`slices`], and when there are not as many of both.
pub fn slices_of(
    model: &Model,
    inputs: &Tensor,
    fits: &[Fit],
    control: &Control,
) -> Result<Vec<(Vec<f32>, KeptLayers)>, Failure> {
    if inputs.dim(0)? != fits.len() {
        return Err(Failure::because(format!("{} slices were given as {}", fits.len(), inputs.dim(0)?)));
    }
    let graph = &model.graph;
    let (Some(last), Some(maximum)) = (stack_features(model), slice_max(model)) else {
        return Err(not_a_stack(model));
    };
    // All of them lie in the trunk, and its end is one of them.
    let wanted = KeptLayers::wanted(model, &[]);
    let keep = wanted.iter().fold(Keep::nothing().output_of(last), |keep, &node| keep.output_of(node));
    let trunk = graph.run(&[(INPUT, inputs.clone())], last, &keep, control)?;
    // What stands behind the maximum takes each row as what is left of a stack.
    let pooled = trunk.target().clone();
    let head = graph.run(&[(maximum, pooled)], graph.output(), &Keep::nothing(), &control.quiet())?;
    finite_logits(model, head.target())?;
    let features = values(trunk.target())?;
    let width = features.len() / fits.len().max(1);
    let logits = head.target().to_device(&Device::Cpu)?;
    let outputs = wanted.iter().filter_map(|&node| Some((node, trunk.output(node)?)));
    let outputs = outputs.map(|(node, whole)| Ok((node, whole.to_device(&Device::Cpu)?)));
    let outputs = outputs.collect::<Result<Vec<_>, candle_core::Error>>()?;
    // A copy: a view would keep the whole batch.
    let own = |whole: &Tensor, index: usize| whole.narrow(0, index, 1)?.force_contiguous();
    let of_slice = |(index, &fit): (usize, &Fit)| {
        let outputs = outputs.iter().map(|(node, whole)| Ok((*node, own(whole, index)?)));
        let outputs = outputs.collect::<Result<_, candle_core::Error>>()?;
        let kept = KeptLayers::new(model, fit, own(&logits, index)?, outputs);
        Ok((features[index * width..(index + 1) * width].to_vec(), kept))
    };
    fits.iter().enumerate().map(of_slice).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Answer, Outcome, Question, slice};
    use super::*;
    use crate::{demo, display::PictureKind};

    /// Sums of the same products; where layers of few pixels are padded the order may differ.
    const ROUNDING: f32 = 1e-6;

    #[test]
    fn slices_together_leave_what_each_leaves_alone() {
        let embedded = demo::models().iter().find(|model| model.name == "knee-phantom").unwrap();
        let model = Model::from_parts(embedded.card, embedded.weights, &Device::Cpu).unwrap();
        assert!(slices_at_once(&model).unwrap() > 1, "a small network");
        let picture = |seed: usize| {
            let value = |place: usize| ((place * 7919 + seed * 104_729) % 1000) as f32;
            let values: Vec<f32> = (0..48 * 40).map(value).collect();
            Picture::new(48, 40, PictureKind::Grey { values: values.into(), voi: Vec::new(), inverted: false })
        };
        let pictures: Vec<Picture> = (0..3).map(picture).collect();
        let control = Control::default();
        let together = slices(&model, &pictures.iter().collect::<Vec<_>>(), &control).unwrap();
        assert_eq!(together.len(), 3);
        for (picture, (together, kept)) in pictures.iter().zip(together) {
            let scores = |answer| match answer {
                Answer::Done(Outcome::Scores(scores)) => scores.logits.clone(),
                other => panic!("{other:?}"),
            };
            let (mut logits, mut of_kept) = (Vec::new(), Vec::new());
            let alone = slice(&model, picture, &[Question::Scores], &control, &mut |_, answer| logits = scores(answer));
            let left = kept.answer(&model, &[Question::Scores], &control, &mut |_, answer| of_kept = scores(answer));
            assert_eq!((left.unwrap(), of_kept.len()), (Vec::new(), logits.len()));
            for (a, b) in logits.iter().zip(&of_kept) {
                assert!((a - b).abs() <= 1e-5 * a.abs().max(1.0), "{a} {b}");
            }
            let alone = alone.unwrap().features.unwrap();
            let largest = alone.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
            assert!(largest > 0.0 && alone.len() == together.len());
            for (a, b) in alone.iter().zip(&together) {
                assert!((a - b).abs() <= ROUNDING * largest, "{a} {b}");
            }
            assert_eq!(kept.stack_features(&model).map(values).unwrap().unwrap(), together);
        }
        control.cancel();
        assert!(matches!(slices(&model, &[&pictures[0]], &control), Err(Failure::Cancelled)));
    }
}
