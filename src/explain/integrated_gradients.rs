//! Integrated gradients.

use super::{
    About, Ask, Attribution, ExplainError, Fact, Group, Method,
    attribution::Reading,
    channels::{Planes, layer_output},
    extent::Extent,
    parameters::{Kind, Parameter, Preset, Value},
    pixels::pixel_map,
    runs::{Watch, batch_like, batch_size, evenly, gradients},
    score::{Unit, scores},
};
use crate::graph::{Graph, INPUT, Keep, NodeId};

/// Steps of the sum.
const STEPS: Parameter = Parameter {
    name: "steps",
    label: "Steps",
    sentence: "Steps on the way from the baseline to the picture: more make the completeness gap smaller.",
    kind: Kind::Integer { min: 1, max: 1000, default: 50 },
};

/// Where the way begins.
const BASELINE: Parameter = Parameter {
    name: "baseline",
    label: "Baseline",
    sentence: "What the picture is compared with: pixels that are like it get nothing.",
    kind: Kind::Choice { options: &[("zero", "0 in network input"), ("black", "Black")], default: "zero" },
};

/// Sundararajan et al. 2017: `(x − b) ⊙ ∫ ∂y/∂x (b + α(x − b)) dα` over α from 0 to 1, as the sum over the middles of
/// equal steps (Captum's `riemann_middle`).
///
/// Exactly integrated it adds up to `y(x) − y(b)`; the facts say how far the sum is from that.
pub(super) struct IntegratedGradients;

impl Method for IntegratedGradients {
    fn name(&self) -> &'static str {
        "integratedgradients"
    }

    fn label(&self) -> &'static str {
        "Integrated gradients"
    }

    fn group(&self) -> Group {
        Group::Gradient
    }

    fn about(&self) -> About {
        About {
            shows: "What each pixel adds to the score or takes from it on the way from the baseline to the picture; all together add up to the difference of the scores.",
            cannot: "Pixels that are like the baseline, and a choice of baseline that suits everyone: another baseline gives another map.",
            costs: "A forward and a backward pass a step.",
            paper: "Sundararajan et al. 2017",
        }
    }

    fn needs_layer(&self) -> bool {
        false
    }

    fn is_costly(&self) -> bool {
        true
    }

    fn parameters(&self) -> &'static [Parameter] {
        &[STEPS, BASELINE]
    }

    fn presets(&self) -> &'static [Preset] {
        &[
            Preset { label: "Quick", sentence: "A first look.", values: &[("steps", Value::Integer(16))] },
            Preset { label: "Exact", sentence: "For a figure.", values: &[("steps", Value::Integer(300))] },
        ]
    }

    fn keeps(&self, _graph: &Graph, _layer: NodeId) -> Keep {
        Keep::nothing().output_of(INPUT)
    }

    fn compute(&self, ask: &Ask) -> Result<Attribution, ExplainError> {
        let input = ask.input()?;
        let original = layer_output(ask.trace, INPUT, ask.slice)?;
        let baseline = baseline(ask, &original)?;
        let steps = ask.settings.count(&STEPS).max(1);
        let at_once = batch_size(ask.graph(), INPUT, input.dims(), input.device())?;
        let mut sum = vec![0.0_f64; original.values.len()];
        let mut watch = Watch::new(ask, steps);
        for batch in evenly(steps, at_once) {
            let done = batch.end;
            let on_the_way: Vec<Vec<f64>> = batch
                .map(|step| {
                    let part = (step as f64 + 0.5) / steps as f64;
                    let pairs = original.values.iter().zip(&baseline);
                    pairs.map(|(value, start)| start + part * (value - start)).collect()
                })
                .collect();
            for (_, gradient) in gradients(ask, &batch_like(&input, &on_the_way)?)? {
                sum.iter_mut().zip(&gradient.values).for_each(|(sum, value)| *sum += value);
            }
            watch.done(done, || self.map(ask, &original, &baseline, &sum, done))?;
        }
        let mut map = self.map(ask, &original, &baseline, &sum, steps)?;
        let ends = batch_like(&input, &[original.values, baseline])?;
        let mut risen = 0.0;
        for (end, sign) in [(0, 1.0), (1, -1.0)] {
            let score = scores(ask, INPUT, &ends.narrow(0, end, 1)?, Unit::Logit)?;
            risen += sign * score.first().copied().unwrap_or(f64::NAN);
        }
        let gap = map.values.iter().map(|&value| f64::from(value)).sum::<f64>() - risen;
        map.facts = vec![
            Fact { name: "score_difference", label: "Score less the baseline's", value: risen },
            Fact { name: "completeness_gap", label: "Completeness gap", value: gap },
        ];
        if risen != 0.0 {
            let relative = gap.abs() / risen.abs();
            map.facts.push(Fact {
                name: "completeness_gap_relative",
                label: "Completeness gap, relative",
                value: relative,
            });
        }
        Ok(map)
    }
}

impl IntegratedGradients {
    /// The map from the sum of the gradients at so many steps.
    fn map(
        &self,
        ask: &Ask,
        original: &Planes,
        baseline: &[f64],
        sum: &[f64],
        steps: usize,
    ) -> Result<Attribution, ExplainError> {
        let way = original.values.iter().zip(baseline).map(|(value, start)| value - start);
        let values = way.zip(sum).map(|(way, sum)| way * sum / steps as f64).collect();
        let Planes { channels, rows, columns, .. } = *original;
        pixel_map(self.name(), ask, Reading::Signed, &Planes { channels, rows, columns, values })
    }
}

/// The baseline in network input, one value for each of the input.
fn baseline(ask: &Ask, original: &Planes) -> Result<Vec<f64>, ExplainError> {
    if ask.settings.choice(&BASELINE) == "zero" {
        return Ok(vec![0.0; original.values.len()]);
    }
    let Extent { black, .. } = Extent::of(&ask.space.picture(&ask.input()?)?)?;
    let places = original.rows * original.columns;
    Ok((0..original.channels).flat_map(|channel| vec![ask.space.normalised(channel, black); places]).collect())
}
