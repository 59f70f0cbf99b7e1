//! Many runs of the network for one map: how many at once, gradients at changed inputs, and how the one who waits is
//! kept up to date.

use std::ops::Range;

use candle_core::{DType, Device, Tensor};
use rayon::prelude::*;

use super::{Ask, Attribution, ExplainError, channels::Planes, pace::Pace};
use crate::graph::{Graph, GraphError, INPUT, Keep, NodeId, Rule};

/// Multiplications of one layer, all elements of a batch together: with more no layer is faster, and the one who waits
/// sees less often how far it is. It leaves VGG16 four at a time, which read its large dense layers together.
const LAYER_MACS: u64 = 8_000_000_000;

/// Elements of one layer's output, all elements of a batch together (64 MiB of `f32`): layers that only look at single
/// elements are not asked within whether they should stop, which has to be within a tenth of a second.
const LAYER_ELEMENTS: u64 = 1 << 24;

/// Elements run at once on the CPU at most: only dense layers gain from more.
const CPU_BATCH: usize = 8;

/// Elements run at once on a GPU at most, which has to be kept busy.
const GPU_BATCH: usize = 32;

/// Elements of one layer's output there, all elements of a batch together (1 GiB of `f32`).
const GPU_ELEMENTS: u64 = 1 << 28;

/// How many elements go through the network at once from `node` on, when the input of one has this shape. It depends on
/// nothing but network and device, so that the same question is always computed in the same way.
pub(crate) fn batch_size(graph: &Graph, node: NodeId, input: &[usize], device: &Device) -> Result<usize, ExplainError> {
    fitting(graph, node, input, device.is_cpu())
}

fn fitting(graph: &Graph, node: NodeId, input: &[usize], is_cpu: bool) -> Result<usize, ExplainError> {
    let shapes = graph.shapes(input)?;
    let macs = |id: NodeId| {
        let node = &graph.nodes()[id];
        let inputs: Vec<&[usize]> = node.inputs.iter().map(|&source| shapes[source].as_slice()).collect();
        node.op.macs(&inputs, &shapes[id])
    };
    let elements = |id: NodeId| shapes[id].iter().map(|&length| length as u64).product();
    let most = |of: &dyn Fn(NodeId) -> u64| (node + 1..shapes.len()).map(of).max().unwrap_or(0).max(1);
    let (fitting, batch) = if is_cpu {
        ((LAYER_MACS / most(&macs)).min(LAYER_ELEMENTS / most(&elements)), CPU_BATCH)
    } else {
        (GPU_ELEMENTS / most(&elements), GPU_BATCH)
    };
    Ok(usize::try_from(fitting).unwrap_or(batch).clamp(1, batch))
}

/// The explained number and its gradient at each of several inputs `[elements, channels, rows, columns]`.
///
/// A stack network takes each element as a stack of one. Progress is not reported: the caller knows the whole.
pub(super) fn gradients(ask: &Ask, inputs: &Tensor) -> Result<Vec<(f64, Planes)>, ExplainError> {
    let objective = ask.objective()?;
    let graph = ask.graph();
    let elements = inputs.dim(0)?;
    let at_once = if graph.is_stack() { 1 } else { elements };
    let mut found = Vec::with_capacity(elements);
    for first in (0..elements).step_by(at_once.max(1)) {
        let quiet = ask.control.quiet().batched();
        let feeds = [(INPUT, inputs.narrow(0, first, at_once)?)];
        let trace = graph.run(&feeds, graph.output(), &Keep::nothing().gradients_to(INPUT), &quiet)?;
        let seed = objective.seed_all(trace.target())?;
        // All of it at once: from a GPU each reading waits for it anew.
        let field = trace.vjp(graph.output(), &seed, INPUT, Rule::Gradient, &quiet)?.to_device(&Device::Cpu)?;
        let outputs =
            trace.target().flatten_from(1)?.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.to_vec2::<f64>()?;
        let of = |element| Planes::of(&field, element, &graph.nodes()[INPUT].name);
        let fields = (0..outputs.len()).into_par_iter().map(of).collect::<Result<Vec<_>, _>>()?;
        found.extend(outputs.iter().map(|output| objective.value(output)).zip(fields));
        drop(field);
        trace.recycle()?;
    }
    Ok(found)
}

/// `count` things in batches of `most` at most, as few as there can be and of nearly one size: one that is left over would
/// take longer than in a batch.
pub(super) fn evenly(count: usize, most: usize) -> impl Iterator<Item = Range<usize>> {
    let batches = count.div_ceil(most.max(1));
    (0..batches).map(move |batch| batch * count / batches..(batch + 1) * count / batches)
}

/// Several inputs as one batch, of the type and on the device of the explained one, whose shape each has.
pub(super) fn batch_like(input: &Tensor, elements: &[Vec<f64>]) -> Result<Tensor, ExplainError> {
    let mut shape = input.dims().to_vec();
    shape[0] = elements.len();
    let batch = if input.dtype() == DType::F32 {
        // Rounded on the way: what is twice as large need not be written and read again.
        let mut values = Vec::with_capacity(shape.iter().product());
        for element in elements {
            values.extend(element.iter().map(|&value| value as f32));
        }
        Tensor::from_vec(values, shape, &Device::Cpu)?
    } else {
        Tensor::from_vec(elements.concat(), shape, &Device::Cpu)?.to_dtype(input.dtype())?
    };
    Ok(batch.to_device(input.device())?)
}

/// Keeps the one who waits up to date: the part that is done, and a few times a second the map as it has formed.
pub(super) struct Watch<'a> {
    ask: &'a Ask<'a>,
    total: usize,
    pace: Pace,
}

impl<'a> Watch<'a> {
    /// Begins a computation of `total` equal parts.
    pub fn new(ask: &'a Ask<'a>, total: usize) -> Self {
        ask.control.set_progress(0.0);
        Self { ask, total, pace: Pace::new() }
    }

    /// So many parts are done; `map` makes the map so far if it is time to show it.
    ///
    /// # Errors
    /// Those of `map`, and cancellation.
    pub fn done(
        &mut self,
        done: usize,
        map: impl FnOnce() -> Result<Attribution, ExplainError>,
    ) -> Result<(), ExplainError> {
        self.ask.control.set_progress(done as f32 / self.total.max(1) as f32);
        self.ask.control.check().map_err(GraphError::from)?;
        if done == self.total {
            return Ok(());
        }
        self.pace.show(|| {
            (self.ask.interim)(map()?);
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, sync::Arc};

    use super::*;
    use crate::{
        explain::Target,
        graph::{
            Control, GraphBuilder,
            ops::{AdaptiveAvgPool2d, Conv2d, Flatten},
        },
    };

    fn network(channels: usize, inputs: usize) -> Graph {
        let mut graph = GraphBuilder::new();
        let conv = |inputs: usize| {
            let weight = Tensor::zeros((channels, inputs, 3, 3), DType::F32, &Device::Cpu).unwrap();
            Conv2d::new(weight, None).unwrap().padding([1; 2])
        };
        let first = graph.add("first", conv(inputs), &[INPUT]);
        let second = graph.add("second", conv(channels), &[first]);
        let gap = graph.add("gap", AdaptiveAvgPool2d::GLOBAL, &[second]);
        graph.add("flatten", Flatten, &[gap]);
        graph.finish().unwrap()
    }

    #[test]
    fn few_run_together_where_layers_are_large() {
        // 64 channels to 64 on 224×224, as VGG's largest layer: 1.8 milliards of multiplications.
        let large = network(64, 3);
        let size = |graph, node| batch_size(graph, node, &[1, 3, 224, 224], &Device::Cpu).unwrap();
        assert_eq!((size(&large, INPUT), size(&large, 2)), (4, CPU_BATCH));
        assert_eq!(size(&network(8, 3), INPUT), CPU_BATCH);
        // 8 channels of 1024×1024 each: few multiplications, but much to look at.
        let wide = batch_size(&network(8, 1), INPUT, &[1, 1, 1024, 1024], &Device::Cpu).unwrap();
        assert_eq!(wide, 2);
        // On a GPU what counts is room: 64 channels of 1024×1024 here, 8 there.
        let on_gpu = |graph: &Graph, side| fitting(graph, INPUT, &[1, 3, side, side], false).unwrap();
        assert_eq!(
            (on_gpu(&large, 224), on_gpu(&large, 1024), on_gpu(&network(8, 3), 1024)),
            (GPU_BATCH, 4, GPU_BATCH)
        );
        assert_eq!(on_gpu(&large, 4096), 1, "however little room there is");
    }

    #[test]
    fn batches_are_of_nearly_one_size() {
        for (count, most, sizes) in
            [(25, 8, vec![6, 6, 6, 7]), (8, 8, vec![8]), (3, 8, vec![3]), (5, 1, vec![1; 5]), (0, 4, vec![])]
        {
            let batches: Vec<_> = evenly(count, most).collect();
            assert_eq!(batches.iter().map(Range::len).collect::<Vec<_>>(), sizes);
            assert_eq!(batches.into_iter().flatten().collect::<Vec<_>>(), (0..count).collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_map_is_shown_as_it_forms() {
        let graph = Arc::new(network(1, 1));
        let input = Tensor::zeros((1, 1, 2, 2), DType::F32, &Device::Cpu).unwrap();
        let control = Control::default();
        let trace = graph.run(&[(INPUT, input)], graph.output(), &Keep::nothing(), &control).unwrap();
        let shown = RefCell::new(0);
        let (target, count) = (Target::class(0), |_| *shown.borrow_mut() += 1);
        let ask = Ask { interim: &count, ..Ask::new(&trace, INPUT, &target, &control) };
        let mut watch = Watch::new(&ask, 4);
        let map = || Ok(Attribution::default());
        watch.done(1, map).unwrap();
        assert_eq!((*shown.borrow(), control.progress()), (0, 0.25), "not each time");
        watch.pace = Pace::due();
        watch.done(2, map).unwrap();
        watch.done(3, map).unwrap();
        assert_eq!(*shown.borrow(), 1);
        watch.pace = Pace::due();
        watch.done(4, map).unwrap();
        assert_eq!(*shown.borrow(), 1, "the last is the map itself");
        control.cancel();
        assert!(watch.done(4, map).is_err());
    }
}
