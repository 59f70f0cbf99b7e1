//! Cancellation and progress of a long computation.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

/// Shared between the one who computes and the one who waits; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Control {
    cancelled: Arc<AtomicBool>,
    /// Thousandths done.
    permille: Arc<AtomicU32>,
}

/// The computation was asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Cancelled")]
pub struct Cancelled;

impl Control {
    /// Asks the computation to stop at the next layer.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether a stop has been asked for.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// Called between layers.
    ///
    /// # Errors
    /// [`Cancelled`] once [`Control::cancel`] has been called.
    pub fn check(&self) -> Result<(), Cancelled> {
        if self.is_cancelled() { Err(Cancelled) } else { Ok(()) }
    }

    /// A control that is cancelled together with this one but reports progress to nobody: for one of many runs whose
    /// whole reports here.
    #[must_use]
    pub fn quiet(&self) -> Self {
        Self { cancelled: Arc::clone(&self.cancelled), permille: Arc::default() }
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
