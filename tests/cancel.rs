//! Methods that take long stop soon after they are cancelled, on a network with large layers.

#![expect(clippy::unwrap_used, reason = "a failure here fails the test")]

mod common;

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use candle_core::{DType, Device, Tensor};
use common::formula;
use glassbox::{
    explain::{Ask, ExplainError, METHODS, Method, Target},
    graph::{Control, GraphError, INPUT, NodeId, Trace},
};

/// How long a cancelled computation may go on: until the part of a layer that it is in is done. The test profile does
/// not optimise the kernels, and other tests run beside this one.
const LIMIT: Duration = if cfg!(debug_assertions) { Duration::from_secs(2) } else { Duration::from_millis(100) };

/// When it is cancelled: at once, while superpixels are cut, in layers large and small, on the way back.
const MOMENTS: [u64; 6] = [0, 90, 330, 600, 870, 1340];

/// How long a method goes on when it is cancelled after so many milliseconds.
fn stops_after(method: &'static dyn Method, trace: &Trace, layer: NodeId, moment: u64) -> Duration {
    let control = Control::default();
    thread::scope(|scope| {
        let worker = scope.spawn(|| {
            let result = method.compute(&Ask::new(trace, layer, &Target::class(0), &control));
            (result, Instant::now())
        });
        thread::sleep(Duration::from_millis(moment));
        let asked = Instant::now();
        control.cancel();
        let (result, stopped) = worker.join().unwrap();
        let name = method.name();
        assert!(matches!(result, Err(ExplainError::Graph(GraphError::Cancelled(_)))), "{name} at {moment} ms");
        stopped.saturating_duration_since(asked)
    })
}

#[test]
fn long_methods_on_vgg16_stop_within_a_layer() {
    let graph = Arc::new(formula::graph("vgg16", &[], 1, DType::F32));
    let values = formula::values("cancel.input", &[3, 224, 224], 1);
    let input = Tensor::from_vec(values, (1, 3, 224, 224), &Device::Cpu).unwrap();
    let layer = graph.find("features.28").unwrap();
    let mut worst = Vec::new();
    for method in METHODS.iter().copied().filter(|method| method.is_costly()) {
        let keep = method.keeps(&graph, layer);
        let feeds = [(INPUT, input.clone())];
        let trace = graph.run(&feeds, graph.output(), &keep, &Control::default()).unwrap();
        let took = MOMENTS.map(|moment| stops_after(method, &trace, layer, moment));
        eprintln!("{:<20} {took:?}", method.name());
        worst.push((*took.iter().max().unwrap(), method.name()));
    }
    let (longest, method) = worst.into_iter().max().unwrap();
    eprintln!("the longest: {longest:?}, {method}");
    assert!(longest <= LIMIT, "{method} went on for {longest:?}");
}
