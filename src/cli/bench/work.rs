//! What can be measured: a forward run, passes of what is random, a method's map, one more class of a seen slice.

use glassbox::explain::{self, Group, METHODS, Method, Settings};
use glassbox::model::Model;

use super::super::{Stop, explain::chosen};
use super::BenchOptions;

/// One piece of work.
#[derive(Clone)]
pub enum Work {
    /// From the network's input to its logits.
    Forward,
    /// From a picture to the distribution over passes.
    Passes,
    /// From the layers kept of a slice that has been run to the map of another class: CAM where the network's head
    /// allows it, else Grad-CAM.
    AnotherClass,
    /// From the network's inputs of a stack to its logits and a map of each slice, the slices together: what a plane of
    /// an exam takes. CAM or Grad-CAM, as above.
    Stack,
    /// From the network's input to a map.
    Map(&'static dyn Method, Settings),
}

impl Work {
    /// The work of this name, with a method's default settings.
    pub fn find(name: &str) -> Option<Self> {
        match name {
            "forward" => Some(Self::Forward),
            "passes" => Some(Self::Passes),
            "another-class" => Some(Self::AnotherClass),
            "stack" => Some(Self::Stack),
            method => explain::find(method).map(|method| Self::Map(method, Settings::DEFAULT)),
        }
    }

    /// The name on the command line.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Passes => "passes",
            Self::AnotherClass => "another-class",
            Self::Stack => "stack",
            Self::Map(method, _) => method.name(),
        }
    }

    /// What has been set of the method, as `samples=25`.
    pub fn set(&self) -> String {
        let Self::Map(_, settings) = self else { return String::new() };
        settings.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(", ")
    }

    /// What is worth knowing of any model: a run, one method of each kind that suits the network, passes where something
    /// is random.
    pub fn usual(model: &Model) -> Vec<Self> {
        let methods =
            ["gradcam", "gradient", "smoothgrad", "occlusion", "lime"].iter().filter_map(|name| Self::find(name));
        let suits = |work: &Self| match work {
            // Hiding parts is measured on single pictures only: on each slice of a stack it takes hours.
            Self::Map(method, _) => {
                method.suits(&model.graph).is_ok() && !(model.stack && method.group() == Group::Perturbation)
            }
            _ => true,
        };
        let passes = model.sampler.is_some().then_some(Self::Passes);
        let stack = model.stack.then_some(Self::Stack);
        [Self::Forward, Self::AnotherClass]
            .into_iter()
            .chain(stack)
            .chain(methods.filter(suits))
            .chain(passes)
            .collect()
    }
}

/// The works that the options name, each once.
pub fn named(options: &BenchOptions) -> Result<Vec<Work>, Stop> {
    let mut works: Vec<Work> = Vec::new();
    for name in &options.work {
        let work = Work::find(name).ok_or_else(|| {
            let methods: Vec<&str> = METHODS.iter().map(|method| method.name()).collect();
            Stop::Usage(format!(
                "--work: `{name}` is no work; known are forward, passes, another-class, stack, {}",
                methods.join(", ")
            ))
        })?;
        if !works.iter().any(|other| other.name() == work.name()) {
            works.push(work);
        }
    }
    let methods: Vec<String> =
        works.iter().filter(|work| matches!(work, Work::Map(..))).map(|work| work.name().to_owned()).collect();
    let mut chosen = chosen(&methods, &options.set)?.into_iter();
    for work in &mut works {
        if let (Work::Map(..), Some(one)) = (&work, matches!(work, Work::Map(..)).then(|| chosen.next()).flatten()) {
            *work = Work::Map(one.method, one.settings);
        }
    }
    Ok(works)
}
