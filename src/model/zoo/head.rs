//! The dense head of a network, also where fine-tuning has put another in its place.
//!
//! A state dict holds the tensors of a head but not its structure: that `fc.0` and `fc.3` are dense layers shows, what
//! stands between them does not. Such a head is refused; what can be told for certain is built.

use super::layers::{At, Layers};
use crate::model::ModelError;

/// Adds the classifier: the dense layer `standard` of the `module` (which may be the module itself), or what its tensors
/// say stands in the module instead. A module `classifier` whose standard layer is `classifier.1` has dropout before it.
///
/// # Errors
/// [`ModelError::Build`] where the module's tensors do not determine what it computes.
pub(super) fn dense(layers: &mut Layers, module: &str, standard: &str, at: At) -> Result<(), ModelError> {
    let found = dense_layers(layers, module);
    let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    if names.is_empty() || names == [standard] {
        let dropout = format!("{module}.0");
        let at = if standard == format!("{module}.1") { layers.dropout(&dropout, at) } else { at };
        layers.linear(standard, at, 1000)?;
        return Ok(());
    }
    let others = others(layers, module, &names);
    if !others.is_empty() {
        return Err(layers.refuse(format!(
            "its head `{module}` has been replaced, by more than dense layers ({}), and weights alone do not say what a \
             head computes; {ADVICE}",
            others.join(", ")
        )));
    }
    let follow = |pair: &[(String, Vec<usize>)]| {
        let [(_, first), (_, second)] = pair else { return false };
        first.len() == second.len()
            && matches!((first.split_last(), second.split_last()), (Some((a, before)), Some((b, after))) if before == after && a + 1 == *b)
    };
    if !found.windows(2).all(follow) {
        return Err(layers.refuse(format!(
            "its head `{module}` has been replaced by several dense layers ({}), and weights alone do not say what \
             stands between them (an activation, dropout, …); {ADVICE}",
            names.join(", ")
        )));
    }
    if let ([name], true) = (names.as_slice(), names != [module]) {
        let note =
            format!("Of the head `{module}` only `{name}` has weights; it is taken to be all that computes there.");
        layers.weights().note(note);
    }
    let mut at = at;
    for (name, _) in &found {
        at = layers.linear(name, at, 1000)?;
    }
    Ok(())
}

const ADVICE: &str = "export the whole network to ONNX and give the card architecture = \"onnx\"";

/// Whether the dense layers of a classifier of several stand elsewhere than torchvision puts them, or the last is gone.
pub(super) fn is_replaced(layers: &Layers, module: &str, standard: &[usize]) -> bool {
    let found = dense_layers(layers, module);
    let is_standard = |path: &[usize]| path.first().is_some_and(|first| standard.contains(first));
    let is_last = |path: &[usize]| path.first() == standard.last();
    let is_as_usual = found.iter().all(|(_, path)| is_standard(path)) && found.iter().any(|(_, path)| is_last(path));
    !(found.is_empty() || is_as_usual)
}

/// The dense layers at and in a module, with the numbers that lead to them, in the order of these.
fn dense_layers(layers: &Layers, module: &str) -> Vec<(String, Vec<usize>)> {
    let tensors = layers.untaken(module).into_iter().filter(|(_, shape)| shape.len() == 2);
    let mut found: Vec<(String, Vec<usize>)> = tensors
        .filter_map(|(name, _)| {
            let name = name.strip_suffix(".weight")?;
            let path = name.strip_prefix(module)?;
            if !path.is_empty() && !path.starts_with('.') {
                return None;
            }
            let numbers = path.split('.').skip(1).map(|part| part.parse().unwrap_or(usize::MAX)).collect();
            Some((name.to_owned(), numbers))
        })
        .collect();
    found.sort_by(|(a, first), (b, second)| first.cmp(second).then_with(|| a.cmp(b)));
    found
}

/// Tensors in the module that belong to none of its dense layers.
fn others(layers: &Layers, module: &str, dense: &[&str]) -> Vec<String> {
    let names = layers.untaken(&format!("{module}.")).into_iter().map(|(name, _)| name);
    names.filter(|name| !name.rsplit_once('.').is_some_and(|(owner, _)| dense.contains(&owner))).collect()
}
