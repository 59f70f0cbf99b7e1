//! Graphs of the zoo: named tensors fill an architecture that is known here.

use super::{Built, Request, posterior::Posteriors};
use crate::model::{
    ModelError, Weights,
    card::Head,
    zoo::{Architecture, ZOO},
};

pub(super) fn build(architecture: &Architecture, request: &Request) -> Result<Built, ModelError> {
    let sha256 = request.checksum([])?;
    let mut weights = Weights::read(request.bytes, request.label, request.device)?;
    let posterior = match request.card.output.head {
        Head::Dense | Head::Dropout => None,
        Head::Flipout => Some(Posteriors::take(&mut weights)?),
    };
    let untouched = weights.clone();
    let graph = (architecture.build)(&mut weights)?;
    let notes = weights.notes().to_vec();
    weights.finish().map_err(|error| with_fitting(error, &untouched))?;
    let placed = posterior.map(|posterior| posterior.place(&graph, request.label)).transpose()?;
    let (stochastic, posteriors) = placed.unwrap_or_default();
    Ok(Built { graph, stack: architecture.stack, stochastic, posteriors, notes, sha256 })
}

/// The error with the name of the architecture that the weights do fit, if there is one.
fn with_fitting(error: ModelError, weights: &Weights) -> ModelError {
    let fits = |architecture: &&Architecture| {
        let mut weights = weights.clone();
        (architecture.build)(&mut weights).is_ok() && weights.finish().is_ok()
    };
    match error {
        ModelError::Mismatch { weights: label, mut mismatch } => {
            mismatch.fits = ZOO.iter().find(fits).map(|architecture| architecture.name);
            ModelError::Mismatch { weights: label, mismatch }
        }
        other => other,
    }
}
