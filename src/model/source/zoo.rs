//! Graphs of the zoo: named tensors fill an architecture that is known here.

use super::{Built, Request, posterior::Posterior};
use crate::model::{ModelError, Weights, card::Head, zoo::Architecture};

pub(super) fn build(architecture: &Architecture, request: &Request) -> Result<Built, ModelError> {
    let sha256 = request.checksum([])?;
    let mut weights = Weights::read(request.bytes, request.label, request.device)?;
    let notes = weights.notes().to_vec();
    let posterior = match request.card.output.head {
        Head::Dense => None,
        Head::Flipout => Some(Posterior::take(&mut weights)?),
    };
    let graph = (architecture.build)(&mut weights)?;
    weights.finish()?;
    let stochastic = posterior.map(|posterior| posterior.head(&graph, request.label)).transpose()?;
    Ok(Built { graph, stack: architecture.stack, stochastic, notes, sha256 })
}
