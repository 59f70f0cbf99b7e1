//! Cancellation within a pooling, counted in questions: a clock would measure the machine.

use candle_core::{Device, Tensor};

use super::*;
use crate::graph::kernels::memory::{Order, channels_last, of_order};

const SHAPE: [usize; 4] = [2, 3, 8, 6];
const POOLED: [usize; 4] = [2, 3, 4, 3];

/// An input and a gradient, row-major and with the channels last.
fn orders() -> [(Tensor, Tensor, Order); 2] {
    let wave = |shape: [usize; 4]| {
        let values = (0..shape.iter().product::<usize>()).map(|index| (index * 37 % 101) as f32);
        Tensor::from_vec(values.collect(), shape.as_slice(), &Device::Cpu).unwrap()
    };
    let (input, gradient) = (wave(SHAPE), wave(POOLED));
    let [last, last_gradient] = [&input, &gradient].map(|tensor| channels_last(tensor).unwrap());
    [(input, gradient, Order::First), (last, last_gradient, Order::Last)]
}

#[test]
fn a_pooling_asks_on_its_way_and_stops() {
    let pool = MaxPool2d::square(2, 2, 0, false);
    let size = [POOLED[2], POOLED[3]];
    for (input, gradient, order) in orders() {
        let switches = of_order(vec![0_u32; POOLED.iter().product()], &POOLED, order).unwrap();
        // One question a plane, or a row of what is computed, and one at the end.
        let planes = SHAPE[0] * SHAPE[1];
        let [there, back] = match order {
            Order::First => [planes; 2],
            Order::Last => [POOLED, SHAPE].map(|shape| shape[0] * shape[2]),
        };
        for record in [false, true] {
            holds(there + 1, |control| forward(&input, &pool, size, record, control).map(|_| ()));
        }
        holds(back + 1, |control| vjp(&gradient, &switches, &pool, [SHAPE[2], SHAPE[3]], control).map(|_| ()));
    }
}

/// Whether `run` asks exactly so often, and fails wherever it is cancelled.
fn holds(questions: usize, run: impl Fn(&Control) -> Result<()>) {
    let control = Control::default();
    run(&control).unwrap();
    assert_eq!(control.checks(), questions);
    for before in [0, 1, questions - 1] {
        let error = run(&Control::cancelled_after(before)).unwrap_err().to_string();
        assert!(error.contains("Cancelled"), "{error}");
    }
}
