//! What one call asks of every slice: methods with their settings, layers, classes.

use std::sync::Arc;

use glassbox::engine::Recipe;
use glassbox::explain::{self, METHODS, Method, Settings, Subject};
use glassbox::model::Model;

use super::super::Stop;
use super::super::methods::range_words;

/// A method and what has been set of its parameters.
pub struct Chosen {
    /// The method.
    pub method: &'static dyn Method,
    /// Its parameters.
    pub settings: Settings,
}

/// The methods that are named, with what `--set METHOD.PARAMETER=VALUE` says.
pub fn methods(names: &[String], sets: &[String]) -> Result<Vec<Chosen>, Stop> {
    let mut chosen: Vec<Chosen> = Vec::new();
    for name in names {
        let known = || METHODS.iter().map(|method| method.name()).collect::<Vec<_>>().join(", ");
        let method = explain::find(name).ok_or_else(|| {
            Stop::Usage(format!("--method: `{name}` is not an explanation method; known are {}", known()))
        })?;
        if !chosen.iter().any(|other| other.method.name() == method.name()) {
            chosen.push(Chosen { method, settings: Settings::DEFAULT });
        }
    }
    for text in sets {
        set(&mut chosen, text)?;
    }
    Ok(chosen)
}

fn set(chosen: &mut [Chosen], text: &str) -> Result<(), Stop> {
    let usage = |reason: String| Stop::Usage(format!("--set {text}: {reason}"));
    let parts = text.split_once('=').and_then(|(left, value)| Some((left.split_once('.')?, value)));
    let Some(((method, name), value)) = parts else {
        return Err(usage("it takes METHOD.PARAMETER=VALUE, as occlusion.window=32".to_owned()));
    };
    let names = chosen.iter().map(|one| one.method.name()).collect::<Vec<_>>().join(", ");
    let Some(one) = chosen.iter_mut().find(|one| one.method.name() == method) else {
        return Err(usage(format!("`{method}` is not among the methods that --method or --work asks for: {names}")));
    };
    let parameters = one.method.parameters();
    let Some(parameter) = parameters.iter().find(|parameter| parameter.name == name) else {
        let known = parameters.iter().map(|parameter| parameter.name).collect::<Vec<_>>().join(", ");
        return Err(usage(if known.is_empty() {
            format!("{method} has no parameters")
        } else {
            format!("{method} has no parameter `{name}`; it has {known}")
        }));
    };
    let value = parameter.parse(value).map_err(|_| usage(format!("it takes {}", range_words(parameter))))?;
    one.settings.set(parameter, value);
    Ok(())
}

/// What to compute for each slice.
pub struct Plan {
    /// The methods.
    pub chosen: Vec<Chosen>,
    /// The layers, at least one.
    pub layers: Vec<Arc<str>>,
    /// One map that averages those of all layers, instead of one for each.
    pub fuse: bool,
    /// The explained class; `None` = the most probable.
    pub class: Option<usize>,
    /// The class that it is held against.
    pub against: Option<usize>,
    /// Seed of everything random.
    pub seed: u64,
    /// What the maps are about.
    pub subjects: Vec<Subject>,
}

impl Plan {
    /// The layers by name, which the model must have; its own default unless any is named.
    pub fn layers(model: &Model, names: &[String]) -> Result<Vec<Arc<str>>, String> {
        if names.is_empty() {
            return Ok(vec![Arc::from(model.default_layer())]);
        }
        let known = |name: &String| match model.graph.find(name) {
            Some(_) => Ok(Arc::from(name.as_str())),
            None => Err(format!("{} has no layer `{name}`; `glassbox models show` lists them", model.card.name)),
        };
        names.iter().map(known).collect()
    }

    /// The maps of one slice, of which `class` is explained: each method at each layer; and where it is held against
    /// another class, the map of that class and the difference beside it.
    pub fn recipes(&self, class: usize) -> Vec<Recipe> {
        let mut recipes = Vec::new();
        for Chosen { method, settings } in &self.chosen {
            let layers: Vec<(&Arc<str>, &[Arc<str>])> = match self.layers.split_first() {
                // The method knows its own layer or works on the pixels.
                Some((first, _)) if !method.needs_layer() => vec![(first, &[])],
                Some((first, others)) if self.fuse => vec![(first, others)],
                _ => self.layers.iter().map(|layer| (layer, &[][..])).collect(),
            };
            for (layer, fused) in layers {
                let own = Recipe {
                    fused: Arc::from(fused),
                    settings: settings.clone(),
                    seed: self.seed,
                    ..Recipe::new(method.name(), Arc::clone(layer), class)
                };
                for &subject in &self.subjects {
                    let own = Recipe { subject, ..own.clone() };
                    recipes.push(own.clone());
                    let is_of_class = !matches!(subject, Subject::Unsureness { .. });
                    if let Some(other) = self.against.filter(|other| is_of_class && *other != class) {
                        recipes.push(Recipe { class: other, ..own.clone() });
                        recipes.push(Recipe { against: Some(other), ..own });
                    }
                }
            }
        }
        recipes
    }
}
