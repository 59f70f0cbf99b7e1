//! Chains: an operation and what follows it, computed in one go so that pictures pass through memory once.
//!
//! Nothing else may want what lies between: outputs that are kept or that several nodes take end a chain, and so does a
//! node whose state the way back needs.

use candle_core::{Result, Tensor, bail};

use super::{
    Control, Graph, Keep, NodeId,
    kernels::{
        elementwise,
        fast::{Beside, Extras, Prepared, edges_of},
        join, serve,
    },
    op::Saved,
    ops::{Add, Arithmetic, BatchNorm2d, Binary, Concat, Conv2d, Function, Map, MaxPool2d, Relu},
};

/// What a chain begins with.
#[derive(Debug, Clone, Copy)]
pub(super) enum Head<'a> {
    /// A convolution, by its kernel.
    Convolution(&'a Prepared),
    /// A batch normalisation.
    Normalisation,
    /// Channels of several pictures side by side, on their way to a batch normalisation.
    Joined,
}

/// What a run needs to know of its nodes to find chains.
pub(super) struct Wanted<'a> {
    /// The node the run is for.
    pub target: NodeId,
    /// What is kept.
    pub keep: &'a Keep,
    /// Whether the state for the way back is kept, of each node.
    pub recorded: &'a [bool],
    /// The one node that takes each node's output, if it is one.
    pub only: &'a [Option<NodeId>],
}

/// What follows an operation, in the order in which it is computed.
#[derive(Debug, Default)]
pub(super) struct Chain<'a> {
    /// The nodes after the first one.
    pub nodes: Vec<NodeId>,
    norm: Option<&'a BatchNorm2d>,
    residual: Option<NodeId>,
    limits: Option<(f32, f32)>,
    pool: Option<&'a MaxPool2d>,
}

impl Chain<'_> {
    /// What is done with the convolution's sums; `outputs` are those that are known before.
    fn extras<'a>(&'a self, outputs: &'a [Option<Tensor>]) -> Extras<'a> {
        Extras {
            norm: self.norm.map(BatchNorm2d::scale_and_shift),
            residual: self.residual.and_then(|other| outputs[other].as_ref()),
            limits: self.limits,
            pool: self.pool,
        }
    }
}

impl Graph {
    /// What can be computed in one go with the node `first`, whose output has this shape; `outputs` are those that are known
    /// before.
    pub(super) fn chain(
        &self,
        first: NodeId,
        head: Head<'_>,
        wanted: &Wanted,
        outputs: &[Option<Tensor>],
        shape: &[usize],
    ) -> Chain<'_> {
        let mut chain = Chain::default();
        let convolves = matches!(head, Head::Convolution(_));
        let mut last = first;
        while last != wanted.target && !wanted.keep.has_output(last) {
            let Some(next) = wanted.only[last] else { break };
            if !self.extend(&mut chain, head, [last, next], wanted, outputs, shape) {
                break;
            }
            chain.nodes.push(next);
            last = next;
            let rectifies = self.nodes[next].op_as::<Relu>().is_some();
            if chain.pool.is_some() || rectifies && (wanted.recorded[next] || !convolves) {
                break;
            }
        }
        chain
    }

    /// Takes `next`, which alone takes the output of `last`, into the chain; `false` where it doesn't fit.
    fn extend<'a>(
        &'a self,
        chain: &mut Chain<'a>,
        head: Head<'_>,
        [last, next]: [NodeId; 2],
        wanted: &Wanted,
        outputs: &[Option<Tensor>],
        shape: &[usize],
    ) -> bool {
        let node = &self.nodes[next];
        if node.op_as::<Relu>().is_some() {
            // Nothing is gained by joining channels and rectifying them at once without a normalisation in between.
            let gains = !matches!(head, Head::Joined) || chain.norm.is_some();
            let fits = gains && chain.limits.is_none();
            if fits {
                chain.limits = Some((0.0, f32::INFINITY));
            }
            return fits;
        }
        if matches!(head, Head::Normalisation) {
            return false;
        }
        if let Some(norm) = node.op_as::<BatchNorm2d>() {
            let fits = chain.norm.is_none() && chain.residual.is_none() && chain.limits.is_none();
            if fits {
                chain.norm = Some(norm);
            }
            return fits;
        }
        let Head::Convolution(prepared) = head else { return false };
        if let Some(&Map(Function::Clip { min, max })) = node.op_as::<Map>() {
            // Its way back needs its input.
            let fits = !wanted.recorded[next] && chain.limits.is_none() && min <= max;
            if fits {
                chain.limits = Some((min as f32, max as f32));
            }
            return fits;
        }
        let adds = node.op_as::<Add>().is_some() || node.op_as::<Binary>() == Some(&Binary(Arithmetic::Add));
        if adds && let &[a, b] = node.inputs.as_slice() {
            let other = if a == last { b } else { a };
            // A sum of two shapes, one of which is repeated, is no residual.
            let alike = outputs[other].as_ref().is_some_and(|other| other.dims() == shape);
            let fits = a != b && chain.residual.is_none() && chain.limits.is_none() && alike;
            if fits {
                chain.residual = Some(other);
            }
            return fits;
        }
        if let Some(pool) = node.op_as::<MaxPool2d>() {
            let &[_, _, rows, columns] = shape else { return false };
            let fits = !wanted.recorded[next] && prepared.pools(pool, [rows, columns], chain.residual.is_some());
            if fits {
                chain.pool = Some(pool);
            }
            return fits;
        }
        false
    }

    /// Computes a chain; `None` where its first operation cannot take the others along.
    ///
    /// # Errors
    /// When the tensor library fails, or on cancellation.
    pub(super) fn run_chain(
        &self,
        head: NodeId,
        chain: &Chain,
        inputs: &[&Tensor],
        outputs: &[Option<Tensor>],
        control: &Control,
    ) -> Result<Option<Tensor>> {
        let input = inputs[0];
        if let Some(norm) = self.nodes[head].op_as::<BatchNorm2d>() {
            let (scale, shift) = norm.scale_and_shift();
            let one_go = serve(input) && !chain.nodes.is_empty();
            return one_go.then(|| elementwise::affine(input, scale, Some(shift), true)).transpose();
        }
        if self.nodes[head].op_as::<Concat>().is_some() {
            let Some(norm) = chain.norm else { return Ok(None) };
            let (scale, shift) = norm.scale_and_shift();
            let rectifies = chain.limits.is_some();
            return join::normalised(inputs, scale, Some(shift), rectifies).map(Some);
        }
        let Some(conv) = self.nodes[head].op_as::<Conv2d>() else { return Ok(None) };
        let Some(prepared) = conv.prepared(input, control)? else { return Ok(None) };
        prepared.run(input, edges_of(conv), chain.extras(outputs), control).map(Some)
    }

    /// Computes a chain that begins with a convolution into a place among other channels, whose memory is given back.
    ///
    /// # Errors
    /// When the convolution has no packed kernel, the tensor library fails, or on cancellation.
    pub(super) fn run_chain_beside(
        &self,
        head: NodeId,
        chain: &Chain,
        input: &Tensor,
        outputs: &[Option<Tensor>],
        beside: Beside,
        control: &Control,
    ) -> Result<Vec<f32>> {
        let Some(conv) = self.nodes[head].op_as::<Conv2d>() else { bail!("{} is no convolution", self.name_of(head)) };
        let Some(prepared) = conv.prepared(input, control)? else { bail!("{} is not packed", self.name_of(head)) };
        prepared.run_beside(input, edges_of(conv), chain.extras(outputs), beside, control)
    }

    /// What the way back needs of a node of a chain whose last output is `output`.
    pub(super) fn saved_of_chain(&self, id: NodeId, inputs: Vec<Vec<usize>>, output: &Tensor) -> Saved {
        // Of all that chains are made of, only ReLU needs more than shapes, and it ends the chain where it does.
        let state = if self.nodes[id].op_as::<Relu>().is_some() { vec![output.clone()] } else { Vec::new() };
        Saved { inputs, state }
    }
}

#[cfg(test)]
pub(super) mod tests;
