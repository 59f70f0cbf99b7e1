//! A run in another precision.

use std::sync::Arc;

use candle_core::{DType, Tensor};

use super::Trace;
use crate::graph::{Graph, GraphError, op::Saved};

impl Trace {
    /// This run as one of `graph`, which is the same network with weights in another precision.
    ///
    /// Numbers are rounded, but the choices that the run has made stay: which place won a pooling, which ReLU was open.
    /// So a way back from here shows what rounding does to it where it turns no switch, and two precisions can be
    /// compared.
    ///
    /// # Errors
    /// [`GraphError::Build`] when the nodes of the graphs differ, [`GraphError::Compute`] when the tensor library fails.
    pub fn in_precision(&self, graph: &Arc<Graph>, precision: DType) -> Result<Self, GraphError> {
        let same = self.graph.nodes().iter().zip(graph.nodes());
        if self.graph.nodes().len() != graph.nodes().len()
            || same.into_iter().any(|(own, other)| own.name != other.name || own.op.kind() != other.op.kind())
        {
            return Err(GraphError::Build { reason: "a run can only be that of the same network".to_owned() });
        }
        let convert = |id: usize, tensor: &Tensor| {
            // Switches and winners are whole numbers.
            let converted = if tensor.dtype().is_float() { tensor.to_dtype(precision) } else { Ok(tensor.clone()) };
            converted.map_err(|source| graph.failed(id, &[tensor.dims().to_vec()], source))
        };
        let outputs = self.outputs.iter().enumerate();
        let outputs = outputs.map(|(id, output)| output.as_ref().map(|output| convert(id, output)).transpose());
        let saved = self.saved.iter().enumerate().map(|(id, saved)| {
            let Some(saved) = saved else { return Ok(None) };
            let state = saved.state.iter().map(|tensor| convert(id, tensor)).collect::<Result<_, _>>()?;
            Ok(Some(Saved { inputs: saved.inputs.clone(), state }))
        });
        Ok(Self {
            graph: Arc::clone(graph),
            target: self.target,
            result: convert(self.target, &self.result)?,
            outputs: outputs.collect::<Result<_, GraphError>>()?,
            saved: saved.collect::<Result<_, GraphError>>()?,
        })
    }
}
