//! Where a run can begin when outputs of an earlier one are at hand.

use super::{Graph, INPUT, Keep, NodeId};

impl Graph {
    /// Whether a run that is fed nothing but the output of `node` gives the graph's output and all that `keep` asks for:
    /// every way from the input to those leads through the node.
    #[must_use]
    pub fn begins_at(&self, node: NodeId, keep: &Keep) -> bool {
        if node == INPUT || node > self.output() {
            return false;
        }
        let needed = self.ancestors(self.output(), &[node]);
        // Nothing before the node is marked, and the input only where a way leads around the node.
        !needed[INPUT] && needed[node] && keep.nodes().all(|asked| needed.get(asked).copied().unwrap_or(false))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor};

    use super::*;
    use crate::graph::{
        Control, GraphBuilder, Rule,
        ops::{Add, Relu},
    };
    use std::sync::Arc;

    /// A chain with a shortcut around its middle: input, a, b (beside it the shortcut), sum, end.
    fn graph() -> (Arc<Graph>, [NodeId; 4]) {
        let mut builder = GraphBuilder::new();
        let a = builder.add("a", Relu, &[INPUT]);
        let b = builder.add("b", Relu, &[a]);
        let sum = builder.add("sum", Add, &[a, b]);
        let end = builder.add("end", Relu, &[sum]);
        (Arc::new(builder.finish().unwrap()), [a, b, sum, end])
    }

    #[test]
    fn a_run_begins_where_every_way_leads_through() {
        let (graph, [a, b, sum, end]) = graph();
        let nothing = Keep::nothing();
        assert!(graph.begins_at(a, &nothing) && graph.begins_at(sum, &nothing) && graph.begins_at(end, &nothing));
        assert!(!graph.begins_at(b, &nothing), "the shortcut leads around it");
        assert!(!graph.begins_at(INPUT, &nothing) && !graph.begins_at(99, &nothing));
        assert!(graph.begins_at(a, &Keep::nothing().output_of(b).gradients_to(a)));
        assert!(!graph.begins_at(sum, &Keep::nothing().output_of(b)), "that lies before it");
        assert!(!graph.begins_at(sum, &Keep::nothing().gradients_to(a)));
    }

    #[test]
    fn such_a_run_gives_what_the_whole_run_gives() {
        let (graph, [a, _, sum, end]) = graph();
        let control = Control::default();
        let input = Tensor::new(&[[[[1.0_f32, -2.0], [3.0, 0.5]]]], &Device::Cpu).unwrap();
        let keep = Keep::nothing().output_of(a).output_of(sum).gradients_to(sum);
        let whole = graph.run(&[(INPUT, input)], end, &keep, &control).unwrap();
        let later = Keep::nothing().output_of(sum).gradients_to(sum);
        let part = graph.run(&[(sum, whole.output(sum).unwrap().clone())], end, &later, &control).unwrap();
        let values = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(values(whole.target()), values(part.target()));
        let seed = whole.target().ones_like().unwrap();
        let back = |trace: &crate::graph::Trace| values(&trace.vjp(end, &seed, sum, Rule::Gradient, &control).unwrap());
        assert_eq!(back(&whole), back(&part));
    }
}
