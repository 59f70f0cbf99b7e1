//! Methods that take long stop soon after they are cancelled, on a network with large layers.

#![allow(clippy::unwrap_used, reason = "a failure here fails the test")]

mod common;

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use candle_core::{DType, Device, Tensor};
use common::formula;
use glassbox::{
    explain::{Ask, ExplainError, METHODS, Target},
    graph::{Control, GraphError, INPUT},
};

/// How long a cancelled computation may go on: until the layer that it is in is done. The test profile does not
/// optimise the kernels, and other tests run beside this one.
const LIMIT: Duration = if cfg!(debug_assertions) { Duration::from_secs(2) } else { Duration::from_millis(100) };

#[test]
fn long_methods_on_vgg16_stop_within_one_layer() {
    let graph = Arc::new(formula::graph("vgg16", &[], 1, DType::F32));
    let values = formula::values("cancel.input", &[3, 224, 224], 1);
    let input = Tensor::from_vec(values, (1, 3, 224, 224), &Device::Cpu).unwrap();
    let layer = graph.find("features.28").unwrap();
    for method in METHODS.iter().copied().filter(|method| method.is_costly()) {
        let keep = method.keeps(&graph, layer);
        let feeds = [(INPUT, input.clone())];
        let trace = graph.run(&feeds, graph.output(), &keep, &Control::default()).unwrap();
        let control = Control::default();
        let worker = {
            let control = control.clone();
            thread::spawn(move || {
                let target = Target::class(0);
                let result = method.compute(&Ask::new(&trace, layer, &target, &control));
                (result, Instant::now())
            })
        };
        thread::sleep(Duration::from_millis(600));
        let asked = Instant::now();
        control.cancel();
        let (result, stopped) = worker.join().unwrap();
        let took = stopped.saturating_duration_since(asked);
        eprintln!("{:<20} {took:?}", method.name());
        assert!(matches!(result, Err(ExplainError::Graph(GraphError::Cancelled(_)))), "{}", method.name());
        assert!(took <= LIMIT, "{} went on for {took:?}", method.name());
    }
}
