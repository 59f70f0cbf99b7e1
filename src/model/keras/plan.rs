//! From the description of a network to a list of steps: nested networks are opened, each step comes after those that
//! it takes its inputs from, and what the output does not need is left out.

use std::collections::{HashMap, HashSet};

use super::{
    config::{Call, Dialect, Ends, Layer, Network, Reference},
    fault::Fault,
    place::{Containers, Place},
};

/// The number of the step that stands for the input.
pub(super) const INPUT_STEP: usize = 0;

/// The most steps of a network, all nested networks opened.
const MOST_STEPS: usize = 20_000;

/// One application of a layer.
#[derive(Debug)]
pub(super) struct Step<'a> {
    /// The layer.
    pub layer: &'a Layer,
    /// Where it stands in the network.
    pub place: Place,
    /// Which application of the layer this is.
    pub call: usize,
    /// How often the layer is applied.
    pub calls: usize,
    /// What it is applied to.
    pub arguments: Call,
    /// The steps whose outputs it takes.
    pub inputs: Vec<usize>,
    /// Which Keras described it.
    pub dialect: Dialect,
}

/// All steps of a network; number 0, which is not in the list, is the input.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    steps: Vec<Step<'a>>,
    /// The step that gives the output.
    pub output: usize,
}

impl<'a> Plan<'a> {
    /// The steps of a network.
    pub fn of(network: &'a Network) -> Result<Self, Fault> {
        let mut plan = Self { steps: Vec::new(), output: INPUT_STEP };
        plan.output = plan.network(network, &Place::default(), &[INPUT_STEP])?;
        if plan.output == INPUT_STEP {
            return Err(Fault::File("the network has no layers".to_owned()));
        }
        Ok(plan)
    }

    /// All steps with their numbers, in an order in which they can be computed.
    pub fn steps(&self) -> impl Iterator<Item = (usize, &Step<'a>)> {
        self.steps.iter().enumerate().map(|(index, step)| (index + 1, step))
    }

    /// A step by its number; none for the input.
    pub fn step(&self, number: usize) -> Option<&Step<'a>> {
        self.steps.get(number.checked_sub(1)?)
    }

    fn network(&mut self, network: &'a Network, place: &Place, inputs: &[usize]) -> Result<usize, Fault> {
        match &network.ends {
            None => self.sequential(network, place, inputs),
            Some(ends) => self.functional(network, ends, place, inputs),
        }
    }

    fn sequential(&mut self, network: &'a Network, place: &Place, inputs: &[usize]) -> Result<usize, Fault> {
        let &[mut at] = inputs else {
            return Err(Fault::File(format!("a sequential network takes 1 input, not {}", inputs.len())));
        };
        let mut containers = Containers::default();
        for layer in &network.layers {
            let container = containers.next(&layer.class);
            if layer.class != "InputLayer" {
                at =
                    self.apply(network, layer, 0, &place.within(&layer.name, container), &Call::default(), vec![at])?;
            }
        }
        Ok(at)
    }

    fn functional(
        &mut self,
        network: &'a Network,
        ends: &Ends,
        place: &Place,
        inputs: &[usize],
    ) -> Result<usize, Fault> {
        if ends.inputs.len() != inputs.len() {
            let names: Vec<&str> = ends.inputs.iter().map(|input| input.layer.as_str()).collect();
            let reason = format!("a network takes {} inputs ({}); only 1 is supported", names.len(), names.join(", "));
            return Err(Fault::File(reason));
        }
        let [output] = ends.outputs.as_slice() else {
            let names: Vec<&str> = ends.outputs.iter().map(|output| output.layer.as_str()).collect();
            let reason = format!("a network gives {} outputs ({}); only 1 is supported", names.len(), names.join(", "));
            return Err(Fault::File(reason));
        };
        let mut containers = Containers::default();
        let mut places = Vec::with_capacity(network.layers.len());
        let mut numbers = HashMap::with_capacity(network.layers.len());
        for (number, layer) in network.layers.iter().enumerate() {
            let container = if layer.is_function { String::new() } else { containers.next(&layer.class) };
            places.push(place.within(&layer.name, container));
            numbers.insert(layer.name.as_str(), number);
        }
        let key = |reference: &Reference| match (numbers.get(reference.layer.as_str()), reference.output) {
            // Keras 2 counts how a network within a network was made as its first application, and then leaves it out;
            // networks that are applied more than once are refused.
            (Some(&number), 0) if network.layers[number].network.is_some() => Ok((number, 0)),
            (Some(&number), 0) => Ok((number, reference.call)),
            (Some(_), output) => Err(Fault::File(format!(
                "output {output} of the layer {} is used, but only a layer's first output is supported",
                reference.layer
            ))),
            (None, _) => Err(Fault::File(format!("the layer {} is used but not described", reference.layer))),
        };

        let mut done: HashMap<(usize, usize), usize> = HashMap::new();
        for (reference, &step) in ends.inputs.iter().zip(inputs) {
            done.insert(key(reference)?, step);
        }
        let target = key(output)?;
        let mut open = HashSet::new();
        let mut stack = vec![target];
        while let Some(&at) = stack.last() {
            if done.contains_key(&at) {
                stack.pop();
                continue;
            }
            let layer = &network.layers[at.0];
            let Some(call) = layer.calls.get(at.1) else {
                return Err(Fault::File(match layer.class.as_str() {
                    "InputLayer" => format!("the input {} is not among the network's inputs", layer.name),
                    _ => format!("the layer {} is used but applied to nothing", layer.name),
                }));
            };
            let sources = call.inputs().map(key).collect::<Result<Vec<_>, _>>()?;
            let missing: Vec<_> = sources.iter().rev().filter(|source| !done.contains_key(source)).copied().collect();
            if missing.is_empty() {
                stack.pop();
                let inputs = sources.iter().filter_map(|source| done.get(source).copied()).collect();
                let step = self.apply(network, layer, at.1, &places[at.0], call, inputs)?;
                done.insert(at, step);
            } else if open.insert(at) {
                stack.extend(missing);
            } else {
                return Err(Fault::File(format!("the layer {} depends on its own output", layer.name)));
            }
        }
        done.get(&target).copied().ok_or_else(|| Fault::File("the network's output is not computed".to_owned()))
    }

    fn apply(
        &mut self,
        network: &'a Network,
        layer: &'a Layer,
        call: usize,
        place: &Place,
        arguments: &Call,
        inputs: Vec<usize>,
    ) -> Result<usize, Fault> {
        let calls = layer.calls.len().max(1);
        if let Some(inner) = &layer.network {
            if calls > 1 {
                return Err(Fault::Layer {
                    layer: place.name(),
                    class: layer.class.clone(),
                    reason: format!(
                        "it is a network that is applied {calls} times, so that its layers have no one map"
                    ),
                });
            }
            return self.network(inner, place, &inputs);
        }
        if self.steps.len() >= MOST_STEPS {
            return Err(Fault::File(format!("the network has more than {MOST_STEPS} layers")));
        }
        let (place, arguments) = (place.clone(), arguments.clone());
        self.steps.push(Step { layer, place, call, calls, arguments, inputs, dialect: network.dialect });
        Ok(self.steps.len())
    }
}
