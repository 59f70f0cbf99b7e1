//! Maps over draws of what is random: their mean and deviation, and what makes the network unsure.

use candle_core::Tensor;

use super::super::key::Recipe;
use super::{Failure, draw_failure, explain_failure, map, uncertainty};
use crate::explain::{self, Ask, Attribution, InputSpace, Reading, Squash, Subject, Target};
use crate::graph::{Control, INPUT, Keep, NodeId, Trace};
use crate::model::Model;

/// The most draws of one map: each is a map by itself.
const MOST: usize = 10_000;

/// A map, and the one that came out with it.
pub(super) struct Made {
    pub map: Attribution,
    /// The deviation beside the mean, or the other way round.
    pub beside: Option<(Recipe, Attribution)>,
}

/// What a run must keep for a map of this subject, of which the plain network's needs `keep`.
pub(super) fn needs(model: &Model, subject: Subject, keep: Keep) -> Result<Keep, Failure> {
    match subject {
        Subject::Class => Ok(keep),
        // Its own network is run.
        Subject::Unsureness { .. } => uncertainty::sampler(model).map(|_| Keep::nothing()),
        Subject::Mean { .. } | Subject::Deviation { .. } => {
            let cut = uncertainty::sampler(model)?.common_cut();
            Ok(cut.into_iter().fold(keep, Keep::output_of))
        }
    }
}

/// The map of a recipe from a run of the plain network on `input` (without which there is none of the unsureness); `node` is the recipe's layer.
pub(super) fn compute(
    model: &Model,
    (trace, input): (&Trace, Option<&Tensor>),
    node: NodeId,
    recipe: &Recipe,
    control: &Control,
    interim: &dyn Fn(Attribution),
) -> Result<Made, Failure> {
    if let Some(passes) = recipe.subject.passes()
        && !(1..=MOST).contains(&passes)
    {
        return Err(Failure::because(format!("A map over {passes} draws can't be made; ask for 1 to {MOST}")));
    }
    match recipe.subject {
        Subject::Class => {
            let map = map::compute(model, trace, node, recipe, control, interim)?;
            Ok(Made { map, beside: None })
        }
        Subject::Mean { passes } | Subject::Deviation { passes } => {
            over_draws(model, trace, node, recipe, passes, control, interim)
        }
        Subject::Unsureness { passes } => {
            let input = input.ok_or_else(|| Failure::because("This needs a run from the picture on"))?;
            let map = unsureness(model, input, node, recipe, passes, control, interim)?;
            Ok(Made { map, beside: None })
        }
    }
}

/// Mean and deviation of the maps of the networks drawn, each from where its random layers begin.
fn over_draws(
    model: &Model,
    trace: &Trace,
    node: NodeId,
    recipe: &Recipe,
    passes: usize,
    control: &Control,
    interim: &dyn Fn(Attribution),
) -> Result<Made, Failure> {
    let sampler = uncertainty::sampler(model)?;
    let passes = sampler.passes(passes);
    let method = map::method(recipe)?;
    let cut = sampler.common_cut();
    let mut layers = vec![node];
    layers.extend(recipe.fused.iter().filter_map(|layer| model.graph.find(layer)));
    let mut moments: Option<Moments> = None;
    for pass in 0..passes {
        control.check().map_err(|_| Failure::Cancelled)?;
        let graph = sampler.network(pass, recipe.seed).map_err(draw_failure)?;
        let keep = layers.iter().fold(Keep::nothing(), |keep, &layer| keep.and(&method.keeps(&graph, layer)));
        let quiet = control.quiet();
        let drawn = graph.resume(trace, &cut, &keep, &quiet)?;
        let map = map::compute(model, &drawn, node, recipe, &quiet, &|_| {})?;
        match &mut moments {
            Some(moments) => moments.add(&map)?,
            None => moments = Some(Moments::new(map)),
        }
        control.set_progress((pass + 1) as f32 / passes as f32);
        if let Some(moments) = &moments
            && pass > 0
            && pass + 1 < passes
        {
            interim(moments.of(recipe.subject));
        }
    }
    let moments = moments.ok_or_else(|| Failure::because("There is no draw to make a map of"))?;
    let beside = recipe.subject.sibling().map(|subject| (Recipe { subject, ..recipe.clone() }, moments.of(subject)));
    Ok(Made { map: moments.of(recipe.subject), beside })
}

/// Running mean and sum of squares of each value (Welford 1962).
struct Moments {
    like: Attribution,
    count: f64,
    means: Vec<f64>,
    squares: Vec<f64>,
}

impl Moments {
    fn new(first: Attribution) -> Self {
        let means = first.values.iter().map(|&value| f64::from(value)).collect::<Vec<_>>();
        let squares = vec![0.0; means.len()];
        Self { like: first, count: 1.0, means, squares }
    }

    fn add(&mut self, map: &Attribution) -> Result<(), Failure> {
        if map.values.len() != self.means.len() {
            return Err(Failure::because("The maps of two draws do not lie on one grid"));
        }
        self.count += 1.0;
        for ((mean, square), &value) in self.means.iter_mut().zip(&mut self.squares).zip(&map.values) {
            let difference = f64::from(value) - *mean;
            *mean += difference / self.count;
            *square += difference * (f64::from(value) - *mean);
        }
        Ok(())
    }

    /// The mean as the method reads its maps, or the deviation (divided by draws − 1; 0 of one draw) as a magnitude.
    fn of(&self, subject: Subject) -> Attribution {
        let (reading, values) = if let Subject::Deviation { .. } = subject {
            let deviation = |square: &f64| (square / (self.count - 1.0).max(1.0)).sqrt() as f32;
            (Reading::Magnitude, self.squares.iter().map(deviation).collect())
        } else {
            (self.like.reading, self.means.iter().map(|&mean| mean as f32).collect())
        };
        // Numbers beside a map and weights of superpixels are those of one draw.
        Attribution { reading, values, facts: Vec::new(), segments: None, ..self.like.clone() }
    }
}

/// The method's map of the mutual information in the place of the class's logit.
fn unsureness(
    model: &Model,
    input: &Tensor,
    node: NodeId,
    recipe: &Recipe,
    passes: usize,
    control: &Control,
    interim: &dyn Fn(Attribution),
) -> Result<Attribution, Failure> {
    let method = map::method(recipe)?;
    if !method.depends_on_target() {
        let label = method.label();
        let reason = format!(
            "{label} looks at the layer whatever is asked of the network, so it can't tell what makes it unsure"
        );
        return Err(Failure::because(reason));
    }
    if recipe.against.is_some() {
        let reason = "What makes the network unsure is one question for all classes; there is no difference of two";
        return Err(Failure::because(reason));
    }
    let sampler = uncertainty::sampler(model)?;
    let mut layers = vec![node];
    layers.extend(recipe.fused.iter().filter_map(|layer| model.graph.find(layer)));
    let network = sampler
        .unsureness((passes, recipe.seed), &layers, model.class_relation(), input.dims())
        .map_err(draw_failure)?;
    let graph = &network.graph;
    method.suits(graph).map_err(explain_failure)?;
    let keep = network.layers.iter().fold(Keep::nothing(), |keep, &layer| keep.and(&method.keeps(graph, layer)));
    let trace = graph.run(&[(INPUT, input.clone())], graph.output(), &keep, &control.quiet())?;
    // The output is a number of nats, to be taken as it is.
    let (target, space) = (Target::class(0), InputSpace { squash: Squash::None, ..model.space() });
    let named = |map: Attribution| Attribution { class: recipe.class, ..map };
    let formed = |map| interim(named(map));
    let at = |layer: NodeId| {
        let (settings, seed) = (&recipe.settings, recipe.seed);
        let ask = Ask { settings, seed, space: &space, interim: &formed, ..Ask::new(&trace, layer, &target, control) };
        method.compute(&ask).map(named).map_err(explain_failure)
    };
    match network.layers.as_slice() {
        [layer] => at(*layer),
        several => {
            let maps = several.iter().map(|&layer| at(layer)).collect::<Result<Vec<_>, Failure>>()?;
            explain::fuse(&maps).ok_or_else(|| Failure::because("There is no map to average"))
        }
    }
}
