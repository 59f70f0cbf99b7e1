//! Several slices of a stack in one run: layers read their weights once for all of them.

use candle_core::Tensor;

use super::stack::{not_a_stack, stack_features};
use super::{Failure, Forward, KeptLayers, values};
use crate::display::Picture;
use crate::explain;
use crate::graph::{Control, INPUT, Keep};
use crate::model::Model;

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
/// keeps of one that is asked nothing. The trunk runs once, the head once a slice, as for a stack of one.
///
/// # Errors
/// When the model is none for stacks, one of the slices can't be run, or on cancellation.
pub fn slices(model: &Model, pictures: &[&Picture], control: &Control) -> Result<Vec<(Vec<f32>, KeptLayers)>, Failure> {
    let graph = &model.graph;
    let last = stack_features(model).ok_or_else(|| not_a_stack(model))?;
    // All of them lie in the trunk, and its end is one of them.
    let wanted = KeptLayers::wanted(model, &[]);
    let keep = wanted.iter().fold(Keep::nothing().output_of(last), |keep, &node| keep.output_of(node));
    let inputs = pictures.iter().map(|picture| model.input(picture).map_err(Failure::because));
    let inputs = inputs.collect::<Result<Vec<_>, _>>()?;
    let tensors: Vec<&Tensor> = inputs.iter().map(|input| &input.tensor).collect();
    let trunk = graph.run(&[(INPUT, Tensor::cat(&tensors, 0)?)], last, &keep, control)?;
    let mut left = Vec::with_capacity(inputs.len());
    for (index, input) in inputs.into_iter().enumerate() {
        // A copy: a view would keep the whole batch.
        let own = |node| trunk.output(node).map(|output| output.narrow(0, index, 1)?.force_contiguous());
        let feeds = keep.outputs().filter_map(|node| own(node).map(|output| Ok((node, output?))));
        let feeds = feeds.collect::<Result<Vec<_>, candle_core::Error>>()?;
        let head = graph.run(&feeds, graph.output(), &keep, &control.quiet())?;
        let forward = Forward::new(model, Some(input.tensor), input.fit, head, control)?;
        let features = forward.trace.output(last).ok_or_else(|| not_a_stack(model))?;
        left.push((values(features)?, KeptLayers::of(&forward, &wanted)));
    }
    Ok(left)
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::super::slice;
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
            let alone = slice(&model, picture, &[], &control, &mut |_, _| {}).unwrap();
            let alone = alone.features.unwrap();
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
