//! Occlusion.

use super::{
    About, Ask, Attribution, ExplainError, Fact, Group, Method, Reading,
    pace::Pace,
    parameters::{Kind, Parameter, Preset, Value},
    perturb::{Baseline, Runs},
    score::Unit,
};
use crate::graph::{Graph, INPUT, Keep, NodeId};

/// Zeiler and Fergus 2014: how far the target's score falls when a window is put over the picture; at each pixel the
/// mean over the windows that covered it.
///
/// Windows and their overlaps are Captum's: they start at multiples of the stride, and the last one of each direction,
/// which reaches the edge, is cut there.
pub(super) struct Occlusion;

/// Side of the window.
const WINDOW: Parameter = Parameter {
    name: "window",
    label: "Window",
    sentence: "Side of the square that is hidden, in pixels of network input.",
    kind: Kind::Integer { min: 1, max: 1024, default: 32 },
};

/// Way from window to window.
const STRIDE: Parameter = Parameter {
    name: "stride",
    label: "Stride",
    sentence: "How far the square moves, in pixels of network input; not more than its side.",
    kind: Kind::Integer { min: 1, max: 1024, default: 16 },
};

/// What the window is filled with.
const BASELINE: Parameter = Baseline::parameter("grey");

impl Method for Occlusion {
    fn name(&self) -> &'static str {
        "occlusion"
    }

    fn label(&self) -> &'static str {
        "Occlusion"
    }

    fn group(&self) -> Group {
        Group::Perturbation
    }

    fn about(&self) -> About {
        About {
            shows: "How much the score falls when a square of the picture is hidden there.",
            cannot: "Evidence that is there twice (hiding one place changes nothing), or detail finer than the square; \
                     a hidden square is itself something the network has never seen.",
            costs: "For each position of the square the part of a forward pass that the square changes.",
            paper: "Zeiler and Fergus 2014",
        }
    }

    fn needs_layer(&self) -> bool {
        false
    }

    fn parameters(&self) -> &'static [Parameter] {
        const { &[WINDOW, STRIDE, BASELINE] }
    }

    fn presets(&self) -> &'static [Preset] {
        &[
            Preset {
                label: "Quick",
                sentence: "Large squares side by side: a first look.",
                values: &[("window", Value::Integer(48)), ("stride", Value::Integer(48))],
            },
            Preset {
                label: "Paper",
                sentence: "A grey square that moves in small steps.",
                values: &[("stride", Value::Integer(8))],
            },
        ]
    }

    fn keeps(&self, _graph: &Graph, _layer: NodeId) -> Keep {
        Keep::nothing().output_of(INPUT)
    }

    fn compute(&self, ask: &Ask) -> Result<Attribution, ExplainError> {
        let runs = Runs::new(ask)?;
        let (window, stride) = (ask.settings.count(&WINDOW).max(1), ask.settings.count(&STRIDE).max(1));
        let rows = positions(runs.rows, window, stride)?;
        let columns = positions(runs.columns, window, stride)?;
        let baseline = Baseline::named(ask.settings.choice(&BASELINE)).unwrap_or(Baseline::Grey);
        let baseline = baseline.field(ask)?;
        let whole = runs.one(runs.original(), Unit::Logit)?;

        let width = runs.columns;
        let places = runs.places();
        let at = |index: usize| (rows[index / columns.len()].clone(), columns[index % columns.len()].clone());
        let mut drops = Drops { whole, sums: vec![0.0; places], counts: vec![0; places], greatest: 0.0 };
        let mut pace = Pace::new();
        runs.each_rectangle(
            rows.len() * columns.len(),
            Unit::Logit,
            &baseline,
            |index| at(index).into(),
            |index, score| {
                let (rows, columns) = at(index);
                drops.add(whole - score, rows, columns, width);
                pace.show(|| {
                    (ask.interim)(drops.map(ask, [runs.rows, runs.columns])?);
                    Ok(())
                })
            },
        )?;
        drops.map(ask, [runs.rows, runs.columns])
    }
}

/// Where windows lie in one direction, as Captum has it: the last one is cut at the edge. A window that is larger
/// than the picture covers it.
fn positions(length: usize, window: usize, stride: usize) -> Result<Vec<std::ops::Range<usize>>, ExplainError> {
    let rest = length.saturating_sub(window);
    if rest > 0 && stride > window {
        let reason = format!(
            "a stride of {stride} is more than the window of {window} and leaves places out; choose a larger window or \
             a smaller stride"
        );
        return Err(ExplainError::Settings { method: Occlusion.label(), reason });
    }
    let count = rest.div_ceil(stride) + 1;
    Ok((0..count).map(|index| index * stride..(index * stride + window).min(length)).collect())
}

/// Falls of the score, summed at each place over the windows that covered it.
struct Drops {
    whole: f64,
    sums: Vec<f64>,
    counts: Vec<u32>,
    greatest: f64,
}

impl Drops {
    fn add(&mut self, drop: f64, rows: std::ops::Range<usize>, columns: std::ops::Range<usize>, width: usize) {
        for row in rows {
            for column in columns.clone() {
                self.sums[row * width + column] += drop;
                self.counts[row * width + column] += 1;
            }
        }
        if drop > self.greatest {
            self.greatest = drop;
        }
    }

    /// The mean at each place; 0 where no window has been yet.
    fn map(&self, ask: &Ask, [rows, columns]: [usize; 2]) -> Result<Attribution, ExplainError> {
        let mean = |(&sum, &count): (&f64, &u32)| (sum / f64::from(count.max(1))) as f32;
        let values: Vec<f32> = self.sums.iter().zip(&self.counts).map(mean).collect();
        if values.iter().any(|value| !value.is_finite()) {
            return Err(ExplainError::NotFinite { layer: "input".to_owned() });
        }
        Ok(Attribution {
            method: Occlusion.name(),
            reading: Reading::Signed,
            layer: None,
            class: ask.target.class,
            channels: 1,
            rows,
            columns,
            values,
            facts: vec![
                Fact { name: "score", label: "Score of the whole picture", value: self.whole },
                Fact { name: "greatest_drop", label: "Greatest fall of the score", value: self.greatest },
            ],
            segments: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::positions;

    #[test]
    fn the_last_window_is_cut_at_the_edge() {
        assert_eq!(positions(10, 4, 3).unwrap(), [0..4, 3..7, 6..10]);
        assert_eq!(positions(11, 4, 3).unwrap(), [0..4, 3..7, 6..10, 9..11]);
        assert_eq!(positions(3, 32, 16).unwrap(), vec![0..3], "a window larger than the picture covers it");
        assert_eq!(positions(4, 4, 9).unwrap(), vec![0..4]);
        let error = positions(10, 3, 4).unwrap_err().to_string();
        assert!(error.contains("a stride of 4 is more than the window of 3"), "{error}");
    }
}
