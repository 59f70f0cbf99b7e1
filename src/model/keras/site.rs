//! Where a layer is built: its arguments, its weights, and the nodes that it becomes.

use candle_core::{Device, Tensor};

use super::{
    activation::{self, Kind},
    fault::Fault,
    plan::Step,
    settings::Settings,
    store::{Slot, Store},
    tensor::At,
};
use crate::{
    graph::{
        GraphBuilder, INPUT, Op,
        ops::{LogSoftmax, Map, Relu, Softmax},
    },
    uncertainty::WeightPosterior,
};

/// The network in the making.
pub(super) struct Workshop<'a> {
    pub graph: GraphBuilder,
    pub store: Store,
    pub device: &'a Device,
    /// What a user should know.
    pub notes: Vec<String>,
    /// Distributions over weights that were found.
    pub posteriors: Vec<Found>,
}

/// A layer whose weights have a distribution.
#[derive(Debug)]
pub(super) struct Found {
    /// The mean and standard deviation of each weight, in the graph's order.
    pub posterior: WeightPosterior,
    /// What a stochastic last layer needs besides, if this is a dense layer with a bias of no distribution.
    pub dense: Option<DensePosterior>,
    /// The node that computes with the mean weights.
    pub output: At,
    /// What that node takes.
    pub input: At,
}

/// The posterior of a dense layer as it is in the file, in the graph's order: `[outputs, inputs]`.
#[derive(Debug)]
pub(super) struct DensePosterior {
    pub loc: Tensor,
    pub rho: Tensor,
    pub bias: Option<Tensor>,
}

/// One step of the network while its nodes are added.
pub(super) struct Site<'a, 'b> {
    pub shop: &'a mut Workshop<'b>,
    pub step: &'a Step<'a>,
    /// Whether the layer's own activation is left out, because the card has it.
    pub is_cut: bool,
}

/// The name of the node of an inline activation, after the layer's.
pub(super) const ACTIVATION: &str = "activation";

impl Site<'_, '_> {
    /// The layer's arguments.
    pub fn settings(&self) -> &Settings {
        &self.step.layer.settings
    }

    /// The layer's name in the graph: `vgg16.block5_conv3`, and with its number from the second application on.
    pub fn name(&self) -> String {
        match self.step.call {
            0 => self.step.place.name(),
            call => format!("{}:{call}", self.step.place.name()),
        }
    }

    /// An error about this layer; the reason ends a sentence.
    pub fn fault(&self, reason: impl Into<String>) -> Fault {
        let (layer, class) = (self.step.place.name(), self.step.layer.class.clone());
        Fault::Layer { layer, class, reason: reason.into() }
    }

    /// The value, or its error as one about this layer.
    pub fn check<T>(&self, value: Result<T, String>) -> Result<T, Fault> {
        value.map_err(|reason| self.fault(reason))
    }

    /// The only input.
    pub fn single<'i>(&self, inputs: &'i [At]) -> Result<&'i At, Fault> {
        match inputs {
            [input] => Ok(input),
            _ => Err(self.fault(format!("it takes 1 input, not {}", inputs.len()))),
        }
    }

    /// A tensor of the layer's weights, in Keras's order.
    pub fn take(&mut self, number: usize, names: &[&str], shape: &[usize]) -> Result<Tensor, Fault> {
        if self.step.calls > 1 {
            let reason = format!(
                "it is applied {} times with the same weights, so that it has no one map; only layers without weights \
                 may be shared",
                self.step.calls
            );
            return Err(self.fault(reason));
        }
        self.shop.store.take(&self.step.place, Slot { number, names }, shape)
    }

    /// The shape of a tensor of the layer's weights, if it is there.
    pub fn weight_shape(&self, number: usize, names: &[&str]) -> Option<Vec<usize>> {
        self.shop.store.shape(&self.step.place, Slot { number, names }).map(<[usize]>::to_vec)
    }

    /// A tensor where the network runs.
    pub fn place(&self, tensor: &Tensor) -> Result<Tensor, Fault> {
        Ok(tensor.contiguous()?.to_device(self.shop.device)?)
    }

    /// Adds the layer's only node, which bears its name.
    pub fn add(&mut self, op: impl Op, inputs: &[&At]) -> Result<At, Fault> {
        let name = self.name();
        self.node(name, op, inputs)
    }

    /// Adds one of several nodes: `conv1.activation`. The layer's name finds the last of them.
    pub fn add_part(&mut self, part: &str, op: impl Op, inputs: &[&At]) -> Result<At, Fault> {
        let name = format!("{}.{part}", self.name());
        self.node(name, op, inputs)
    }

    fn node(&mut self, name: String, op: impl Op, inputs: &[&At]) -> Result<At, Fault> {
        let shapes: Vec<&[usize]> = inputs.iter().map(|input| input.shape.as_slice()).collect();
        let shape = self.check(op.shape(&shapes))?;
        let ids: Vec<usize> = inputs.iter().map(|input| input.node).collect();
        Ok(At::new(self.shop.graph.add(name, op, &ids), shape))
    }

    /// The activation in the layer's arguments, but where the card has it.
    pub fn inline(&self) -> Result<Kind, Fault> {
        match self.settings().get("activation") {
            Some(value) if !self.is_cut => self.check(activation::read(value, self.step.dialect)),
            _ => Ok(Kind::Linear),
        }
    }

    /// Adds the layer's only operation, and after it the activation in the layer's arguments.
    ///
    /// With an activation the operation is named `LAYER.part`, so that `LAYER` is the activation's output.
    pub fn add_activated(&mut self, part: &str, op: impl Op, inputs: &[&At]) -> Result<At, Fault> {
        match self.inline()? {
            Kind::Linear => self.add(op, inputs),
            function => {
                let at = self.add_part(part, op, inputs)?;
                self.activate(ACTIVATION, function, &at)
            }
        }
    }

    /// Adds a function as the node `LAYER.part`, or `LAYER` where the part is empty.
    pub fn activate(&mut self, part: &str, function: Kind, at: &At) -> Result<At, Fault> {
        let order = at.order.clone();
        let name = if part.is_empty() { self.name() } else { format!("{}.{part}", self.name()) };
        let activated = match function {
            Kind::Linear => return Ok(at.clone()),
            Kind::Relu => self.node(name, Relu, &[at])?,
            Kind::Map(function) => self.node(name, Map(function), &[at])?,
            Kind::Softmax { axis } => {
                let dimension = self.check(at.dimension(axis))?;
                self.node(name, Softmax { dimension }, &[at])?
            }
            Kind::LogSoftmax { axis } => {
                let dimension = self.check(at.dimension(axis))?;
                self.node(name, LogSoftmax { dimension }, &[at])?
            }
        };
        Ok(activated.ordered(order))
    }
}

/// The node that stands for the network's input.
pub(super) fn input(channels: usize, [rows, columns]: [usize; 2]) -> At {
    At::new(INPUT, vec![1, channels, rows, columns])
}
