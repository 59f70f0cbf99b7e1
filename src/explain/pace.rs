//! How often a map that forms is shown.

use std::time::{Duration, Instant};

/// Between two interim maps.
const INTERVAL: Duration = Duration::from_millis(300);

/// An interim map may take this part of the time at most.
const SHARE: u32 = 10;

/// Says when an interim map is due.
pub(super) struct Pace {
    next: Instant,
}

impl Pace {
    pub fn new() -> Self {
        Self { next: Instant::now() + INTERVAL }
    }

    /// One that shows the next map.
    #[cfg(test)]
    pub fn due() -> Self {
        Self { next: Instant::now() }
    }

    /// Shows an interim map if one is due; where making it takes long, the next one comes later.
    ///
    /// # Errors
    /// Those of `show`.
    pub fn show<E>(&mut self, show: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
        let began = Instant::now();
        if began < self.next {
            return Ok(());
        }
        show()?;
        let ended = Instant::now();
        self.next = ended + INTERVAL.max((ended - began) * SHARE);
        Ok(())
    }
}
