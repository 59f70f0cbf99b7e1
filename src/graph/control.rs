//! Cancellation and progress of a long computation.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

/// How sums of products are computed in `f32` on the CPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Precision {
    /// By packed kernels, and Winograd's algorithm where that is faster.
    #[default]
    Fast,
    /// Plain sums everywhere.
    Exact,
}

/// Whether graphs that are built are exact.
static NEW_ARE_EXACT: AtomicBool = AtomicBool::new(false);

impl Precision {
    /// Makes this the precision of all graphs that the program builds from now on: a choice for the whole program,
    /// made when it starts. [`Graph::at`](super::Graph::at) chooses for one graph.
    pub fn make_default(self) {
        NEW_ARE_EXACT.store(self == Self::Exact, Ordering::Relaxed);
    }

    /// The precision of graphs that are built now.
    pub(super) fn of_new_graphs() -> Self {
        if NEW_ARE_EXACT.load(Ordering::Relaxed) { Self::Exact } else { Self::Fast }
    }

    /// Whether layers run through the packed kernels.
    pub(super) fn packs(self) -> bool {
        self == Self::Fast
    }
}

/// Shared between the one who computes and the one who waits; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Control {
    cancelled: Arc<AtomicBool>,
    /// Thousandths done.
    permille: Arc<AtomicU32>,
    /// That of the graph which runs under it.
    precision: Precision,
    /// Whether ways back go without Winograd's algorithm.
    steady: bool,
    /// Whether this is one of many runs, each of a batch.
    batched: bool,
    #[cfg(test)]
    counted: tests::Counted,
}

/// The computation was asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Cancelled")]
pub struct Cancelled;

impl Control {
    /// Asks the computation to stop: within a layer where a layer takes long, else at the next one.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether a stop has been asked for.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// Called between layers, and within those that take long.
    ///
    /// # Errors
    /// [`Cancelled`] once [`Control::cancel`] has been called.
    pub fn check(&self) -> Result<(), Cancelled> {
        #[cfg(test)]
        self.count();
        if self.is_cancelled() { Err(Cancelled) } else { Ok(()) }
    }

    /// The same where errors are the tensor library's.
    pub(super) fn checked(&self) -> candle_core::Result<()> {
        self.check().map_err(candle_core::Error::wrap)
    }

    /// A control that is cancelled together with this one but reports progress to nobody: for one of many runs whose
    /// whole reports here.
    #[must_use]
    pub fn quiet(&self) -> Self {
        Self { permille: Arc::default(), ..self.clone() }
    }

    /// The same, for a graph of this precision.
    pub(super) fn at(&self, precision: Precision) -> Self {
        Self { precision, ..self.clone() }
    }

    /// The same, for one of many runs that take several pictures at once, which decides how layers of few pixels are
    /// computed: weights are then read for all of them. Not left to the length of the batch, so that a picture's numbers
    /// do not depend on its company.
    #[must_use]
    pub fn batched(&self) -> Self {
        Self { batched: true, ..self.clone() }
    }

    /// Whether this is one of many runs, each of a batch.
    pub(super) fn is_batched(&self) -> bool {
        self.batched
    }

    /// The same, for a way back whose result is divided by numbers next to 0: it goes without Winograd's algorithm, which
    /// loses a few times as much to rounding as a plain sum.
    #[must_use]
    pub fn steadily(&self) -> Self {
        Self { steady: true, ..self.clone() }
    }

    /// Whether the way back may go by Winograd's algorithm.
    pub(super) fn transforms_back(&self) -> bool {
        !self.steady
    }

    /// The precision of the graph that runs.
    pub(super) fn precision(&self) -> Precision {
        self.precision
    }

    /// Reports the part that is done, 0 ..= 1.
    pub fn set_progress(&self, fraction: f32) {
        self.permille.store((fraction.clamp(0.0, 1.0) * 1000.0) as u32, Ordering::Relaxed);
    }

    /// The part that is done, 0 ..= 1.
    #[must_use]
    pub fn progress(&self) -> f32 {
        let permille = self.permille.load(Ordering::Relaxed) as f32;
        permille / 1000.0
    }
}

/// Counts how often a computation asks, so that tests need no clock.
#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::{Arc, Control};

    #[derive(Debug, Clone, Default)]
    pub(super) struct Counted {
        checks: Arc<AtomicUsize>,
        limit: Option<usize>,
    }

    impl Control {
        /// One that is cancelled once it has been asked so many times.
        pub(in crate::graph) fn cancelled_after(checks: usize) -> Self {
            Self { counted: Counted { limit: Some(checks), ..Counted::default() }, ..Self::default() }
        }

        /// How often it has been asked.
        pub(in crate::graph) fn checks(&self) -> usize {
            self.counted.checks.load(Ordering::Relaxed)
        }

        pub(super) fn count(&self) {
            let before = self.counted.checks.fetch_add(1, Ordering::Relaxed);
            if self.counted.limit.is_some_and(|limit| before >= limit) {
                self.cancel();
            }
        }
    }
}
