//! RISE: randomised input sampling.

use std::{cell::RefCell, collections::VecDeque};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{
    About, Ask, Attribution, ExplainError, Group, Method, Reading, bilinear,
    pace::Pace,
    parameters::{Kind, Parameter, Preset, Value},
    perturb::{Baseline, Runs},
    score::Unit,
};
use crate::graph::{Graph, INPUT, Keep, NodeId};

/// Petsiuk et al. 2018: `Σ f(x ⊙ M) M / (N p)` over random masks `M`, where `f` is the probability of the class.
///
/// A mask is a grid of cells, each visible with probability p, enlarged by one cell bilinearly and cut out at a random
/// offset of up to one cell. In units of the probability: at each pixel what is left of it on average when the pixel
/// is visible.
pub(super) struct Rise;

/// How many masks.
const MASKS: Parameter = Parameter {
    name: "masks",
    label: "Masks",
    sentence: "How many random masks are tried; with few of them the map is grainy.",
    kind: Kind::Integer { min: 10, max: 20_000, default: 2000 },
};

/// Probability of a cell to be visible.
const VISIBLE: Parameter = Parameter {
    name: "visible",
    label: "Visible part",
    sentence: "The probability that a cell of a mask is visible.",
    kind: Kind::Real { min: 0.05, max: 0.95, default: 0.5 },
};

/// Cells of the grid in each direction.
const CELLS: Parameter = Parameter {
    name: "cells",
    label: "Cells",
    sentence: "Into how many cells each side of the picture is divided: how fine the map can be.",
    kind: Kind::Integer { min: 2, max: 32, default: 7 },
};

/// What is put in place of what is hidden.
const BASELINE: Parameter = Baseline::parameter("zero");

impl Method for Rise {
    fn name(&self) -> &'static str {
        "rise"
    }

    fn label(&self) -> &'static str {
        "RISE"
    }

    fn group(&self) -> Group {
        Group::Perturbation
    }

    fn about(&self) -> About {
        About {
            shows: "How likely the class stays, on average over random masks, where a pixel is visible.",
            cannot: "What speaks against the class, detail finer than a mask's cells, or differences smaller than the \
                     grain of its random masks.",
            costs: "One forward pass for each mask: thousands.",
            paper: "Petsiuk et al. 2018",
        }
    }

    fn needs_layer(&self) -> bool {
        false
    }

    fn draws(&self) -> bool {
        true
    }

    fn parameters(&self) -> &'static [Parameter] {
        const { &[MASKS, VISIBLE, CELLS, BASELINE] }
    }

    fn presets(&self) -> &'static [Preset] {
        &[
            Preset {
                label: "Quick",
                sentence: "Few masks of few cells: a first look.",
                values: &[("masks", Value::Integer(300)), ("cells", Value::Integer(5))],
            },
            Preset {
                label: "Paper",
                sentence: "8000 masks of 7 × 7 cells, half of them visible.",
                values: &[("masks", Value::Integer(8000))],
            },
        ]
    }

    fn keeps(&self, _graph: &Graph, _layer: NodeId) -> Keep {
        Keep::nothing().output_of(INPUT)
    }

    fn compute(&self, ask: &Ask) -> Result<Attribution, ExplainError> {
        let runs = Runs::new(ask)?;
        let places = runs.places();
        let settings = ask.settings;
        let baseline = Baseline::named(settings.choice(&BASELINE)).unwrap_or(Baseline::Zero).field(ask)?;
        let masks = Masks {
            rows: runs.rows,
            columns: runs.columns,
            cells: settings.count(&CELLS).max(1),
            visible: settings.real(&VISIBLE),
            seed: ask.seed,
        };
        // The masks of the batch that is being scored.
        let drawn = RefCell::new(VecDeque::new());
        let mut sum = vec![0.0_f64; places];
        let map = |sum: &[f64], count: usize| {
            let norm = count as f64 * masks.visible;
            let values: Vec<f32> = sum.iter().map(|sum| (sum / norm) as f32).collect();
            if values.iter().any(|value| !value.is_finite()) {
                return Err(ExplainError::NotFinite { layer: "input".to_owned() });
            }
            Ok(Attribution {
                method: self.name(),
                reading: Reading::Positive,
                class: ask.target.class,
                channels: 1,
                rows: runs.rows,
                columns: runs.columns,
                values,
                ..Attribution::default()
            })
        };
        let mut pace = Pace::new();
        let count = settings.count(&MASKS);
        runs.each(
            count,
            Unit::Probability,
            |index, values| {
                let mask = masks.get(index);
                for (plane, hidden) in values.chunks_exact_mut(places).zip(baseline.chunks_exact(places)) {
                    for ((value, &hidden), &mask) in plane.iter_mut().zip(hidden).zip(&mask) {
                        *value = *value * mask + hidden * (1.0 - mask);
                    }
                }
                drawn.borrow_mut().push_back(mask);
            },
            |index, score| {
                let mask = drawn.borrow_mut().pop_front().unwrap_or_default();
                sum.iter_mut().zip(mask).for_each(|(sum, mask)| *sum += score * f64::from(mask));
                pace.show(|| {
                    (ask.interim)(map(&sum, index + 1)?);
                    Ok(())
                })
            },
        )?;
        map(&sum, count)
    }
}

/// The random masks of one map.
struct Masks {
    rows: usize,
    columns: usize,
    cells: usize,
    visible: f64,
    seed: u64,
}

impl Masks {
    /// The mask of this number, `rows × columns`, 0..1: each has its own stream of random numbers.
    fn get(&self, index: usize) -> Vec<f32> {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        random.set_stream(index as u64);
        let cells = self.cells;
        let cell = [self.rows.div_ceil(cells), self.columns.div_ceil(cells)];
        let grid: Vec<f32> =
            (0..cells * cells).map(|_| f32::from(u8::from(random.random::<f64>() < self.visible))).collect();
        let [down, across] = cell.map(|length| random.random_range(0..length.max(1)));
        let [height, width] = cell.map(|length| (cells + 1) * length);
        let large = bilinear(&grid, [cells, cells], [height, width]);
        let lines = large.chunks_exact(width.max(1)).skip(down).take(self.rows);
        lines.flat_map(|line| &line[across..across + self.columns]).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_are_in_range_and_visible_as_often_as_said() {
        for (rows, columns) in [(20, 31), (1, 1), (7, 3)] {
            let masks = Masks { rows, columns, cells: 7, visible: 0.3, seed: 4 };
            let mut sum = 0.0;
            for index in 0..800 {
                let mask = masks.get(index);
                assert_eq!(mask.len(), rows * columns);
                assert!(mask.iter().all(|value| (0.0..=1.0).contains(value)));
                sum += mask.iter().map(|&value| f64::from(value)).sum::<f64>() / mask.len() as f64;
            }
            assert!((sum / 800.0 - 0.3).abs() < 0.04, "{rows}×{columns}: {}", sum / 800.0);
        }
    }

    #[test]
    fn each_mask_is_another_and_the_seed_decides() {
        let masks = Masks { rows: 16, columns: 16, cells: 4, visible: 0.5, seed: 1 };
        assert_eq!(masks.get(3), masks.get(3));
        assert_ne!(masks.get(3), masks.get(4));
        assert_ne!(masks.get(3), Masks { seed: 2, ..masks }.get(3));
    }
}
