//! One map as its recipe says: one method at one layer, the average of several layers, or the difference of two
//! classes.

use super::super::key::Recipe;
use super::{Failure, explain_failure};
use crate::explain::{self, Ask, Attribution, Method, Region, Target};
use crate::graph::{Control, NodeId, Trace};
use crate::model::Model;

/// The method of a recipe.
pub(super) fn method(recipe: &Recipe) -> Result<&'static dyn Method, Failure> {
    explain::find(recipe.method)
        .ok_or_else(|| Failure::because(format!("`{}` is not an explanation method", recipe.method)))
}

/// The map of a recipe's class from a run that kept what the method needs; `node` is the recipe's layer.
pub(super) fn compute(
    model: &Model,
    trace: &Trace,
    node: NodeId,
    recipe: &Recipe,
    control: &Control,
    interim: &dyn Fn(Attribution),
) -> Result<Attribution, Failure> {
    let mut one = of_class(model, trace, node, recipe, recipe.class, (control, interim))?;
    let Some(other) = recipe.against else { return Ok(one) };
    let other = of_class(model, trace, node, recipe, other, (control, &|_| {}))?;
    let difference = one.minus(&other);
    one = difference.ok_or_else(|| Failure::because("The maps of the two classes do not lie on one grid"))?;
    Ok(one)
}

/// What is explained when a class is.
pub(super) fn target(model: &Model, class: usize, region: Region) -> Result<Target, Failure> {
    let (logit, sign) = model.logit_of_class(class).ok_or_else(|| {
        Failure::because(format!("{} has {} classes, no class {class}", model.card.name, model.classes.len()))
    })?;
    Ok(Target { class: logit, sign, region })
}

/// The map of one class, over all layers of the recipe.
fn of_class(
    model: &Model,
    trace: &Trace,
    node: NodeId,
    recipe: &Recipe,
    class: usize,
    (control, interim): (&Control, &dyn Fn(Attribution)),
) -> Result<Attribution, Failure> {
    let method = method(recipe)?;
    let target = target(model, class, recipe.region.clone())?;
    let space = model.space();
    let at = |layer: NodeId, interim: &dyn Fn(Attribution)| {
        let named = |mut map: Attribution| {
            // The class that was asked for, where one logit speaks for two.
            map.class = class;
            map
        };
        let formed = |map| interim(named(map));
        let (settings, seed) = (&recipe.settings, recipe.seed);
        let ask = Ask { settings, seed, space: &space, interim: &formed, ..Ask::new(trace, layer, &target, control) };
        method.compute(&ask).map(named).map_err(explain_failure)
    };
    if recipe.fused.is_empty() {
        return at(node, interim);
    }
    let mut maps = vec![at(node, &|_| {})?];
    for layer in recipe.fused.iter() {
        let layer = model
            .graph
            .find(layer)
            .ok_or_else(|| Failure::because(format!("{} has no layer `{layer}`", model.card.name)))?;
        maps.push(at(layer, &|_| {})?);
    }
    explain::fuse(&maps).ok_or_else(|| Failure::because("There is no map to average"))
}
