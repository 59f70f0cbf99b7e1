//! ONNX files: the graph and its weights in one.
//!
//! | Step | Where |
//! |---|---|
//! | bytes to messages | [`proto`], [`file`] |
//! | tensors, also in files beside | [`tensor`] |
//! | names of layers | [`names`] |
//! | what does not depend on the picture | [`fold`] |
//! | nodes to layers, one family a file | [`import`] |
//! | the card's input and output | [`input`], [`output`] |
//!
//! Shapes are computed for a batch of [`step::BATCH`] pictures, a number that no layer has; where the file computes
//! shapes from its input's, the batch can so be told from other dimensions, and the graph takes any.

mod constant;
mod context;
mod draft;
mod error;
mod file;
mod fold;
mod import;
mod input;
mod layout;
mod names;
mod output;
mod proto;
mod step;
mod tensor;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};

use context::Context;
use draft::Draft;
use error::Fault;
pub use error::OnnxError;
use input::FileInput;
use proto::{GraphProto, NodeProto};
use step::{Step, Value};

use super::{
    ModelError,
    card::Head,
    source::{Built, Request},
};

/// Builds the network of an ONNX file.
pub(super) fn build(request: &Request) -> Result<Built, ModelError> {
    if request.card.output.head != Head::Dense {
        let found = "\"flipout\" for an ONNX file, which holds no posterior".to_owned();
        return Err(request.refuse("output.head", found, "\"dense\"".to_owned()));
    }
    let fail = |error| source_error(request, error);
    let (graph, opset) = file::parse(request.bytes).map_err(fail)?;
    let companions = tensor::companions(graph.initializer.iter(), request.folder).map_err(fail)?;
    let sha256 = request.checksum(companions.values().map(Vec::as_slice))?;
    let input = input::read(&graph, request)?;
    let importer = Importer { request, names: names::readable(&graph), opset, input, companions: &companions };

    // Where there are several outputs (labels beside probabilities, auxiliary heads), the first that can be used.
    let mut first_error = None;
    for output in &graph.output {
        match importer.network(&graph, &output.name) {
            Ok((draft, at, mut notes)) => {
                if graph.output.len() > 1 {
                    notes.push(format!("The file has {} outputs; `{}` is used.", graph.output.len(), output.name));
                }
                let graph = draft.finish(at).map_err(|error| ModelError::Build {
                    architecture: request.card.architecture.clone(),
                    reason: error.to_string(),
                })?;
                return Ok(Built { graph, stack: false, stochastic: None, posteriors: Vec::new(), notes, sha256 });
            }
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    Err(fail(first_error.unwrap_or_else(|| OnnxError::Output("is missing".to_owned()))))
}

/// The error as one of the model.
fn source_error(request: &Request, source: OnnxError) -> ModelError {
    ModelError::Onnx { file: request.label.to_owned(), source: Box::new(source) }
}

/// The largest number of elements that all constants may have together that are computed from others.
const LARGEST_FOLDED: usize = 1 << 28;

/// What stays the same while a file is read.
struct Importer<'a> {
    request: &'a Request<'a>,
    names: Vec<String>,
    opset: i64,
    input: FileInput,
    companions: &'a tensor::Companions,
}

impl Importer<'_> {
    /// The layers that lead to one of the file's outputs, the node of the logits, and notes.
    fn network(&self, graph: &GraphProto, output: &str) -> Result<(Draft, usize, Vec<String>), OnnxError> {
        let mut given: HashSet<&str> = graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
        given.insert(&self.input.name);
        let order = file::order(graph, output, &given)?;
        let nodes: Vec<&NodeProto> = order.iter().map(|&index| &graph.node[index]).collect();
        let mut takers: HashMap<&str, usize> = HashMap::from([(output, 1)]);
        for value in nodes.iter().flat_map(|node| &node.input) {
            *takers.entry(value).or_default() += 1;
        }

        let mut context = Context {
            draft: Draft::new(input::shape(&self.request.card.input)),
            taken: names::Taken::of(&self.names),
            device: self.request.device,
        };
        let mut values: HashMap<&str, Value> = HashMap::new();
        for tensor in graph.initializer.iter().filter(|tensor| takers.contains_key(tensor.name.as_str())) {
            values.insert(&tensor.name, Value::Constant(tensor::read(tensor, self.companions)?));
        }
        let adapted = input::adapted(&mut context, self.input.layout)
            .map_err(|fault| OnnxError::Input(format!("cannot be arranged: {fault}")))?;
        context.draft.stands_for(0, &self.input.name, "");
        values.insert(&self.input.name, Value::Node(adapted));

        let mut folded = 0;
        for (&index, &node) in order.iter().zip(&nodes) {
            let mut inputs = Vec::with_capacity(node.input.len());
            for name in &node.input {
                inputs.push(match name.as_str() {
                    "" => None,
                    name => Some(
                        values
                            .get(name)
                            .cloned()
                            .ok_or_else(|| OnnxError::Absent { node: file::called(node), value: name.to_owned() })?,
                    ),
                });
            }
            let step = Step {
                proto: node,
                name: &self.names[index],
                opset: self.opset,
                inputs,
                sole: node.input.iter().map(|name| takers.get(name.as_str()) == Some(&1)).collect(),
                file_batch: self.input.batch,
            };
            let outputs = import(&mut context, &step).map_err(|fault| self.explained(node, fault))?;
            folded += outputs.iter().map(Value::constants).sum::<usize>();
            if folded > LARGEST_FOLDED {
                let fault = Fault::malformed("the constants computed up to it are too large");
                return Err(self.explained(node, fault));
            }
            for (name, value) in node.output.iter().zip(outputs).filter(|(name, _)| !name.is_empty()) {
                if let Value::Node(at) = &value {
                    context.draft.stands_for(at.node, name, &node.name);
                }
                values.insert(name, value);
            }
        }
        let Some(Value::Node(at)) = values.remove(output) else {
            return Err(OnnxError::Output("does not depend on the picture".to_owned()));
        };
        let (at, notes) = output::logits(&mut context, at, self.request.card, self.input.layout)?;
        Ok((context.draft, at.node, notes))
    }

    fn explained(&self, node: &NodeProto, fault: Fault) -> OnnxError {
        let (node, op, opset, domain) = (file::called(node), node.op_type.clone(), self.opset, &node.domain);
        match fault {
            Fault::Unknown => {
                let domain = if domain.is_empty() { String::new() } else { format!("{domain}:") };
                OnnxError::UnknownOp { node, domain, op, opset }
            }
            fault => OnnxError::Node { node, op, opset, reason: fault.to_string() },
        }
    }
}

/// The outputs of one node: computed now where it is constant, as layers otherwise.
fn import(context: &mut Context, step: &Step) -> error::Result<Vec<Value>> {
    let is_default = matches!(step.proto.domain.as_str(), "" | "ai.onnx");
    if is_default && let Some(folded) = fold::fold(step) {
        return Ok(folded?.into_iter().map(Value::Constant).collect::<Vec<_>>());
    }
    match import::find(&step.proto.domain, &step.proto.op_type) {
        Some(import) => import(context, step),
        None if is_default && fold::knows(&step.proto.op_type) => {
            Err(Fault::unsupported("values that depend on the picture"))
        }
        None => Err(Fault::Unknown),
    }
}
