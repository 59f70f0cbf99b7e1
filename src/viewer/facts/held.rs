//! A value that stays until the next one is there.

use std::sync::Arc;

use crate::engine::Status;

/// A value with the one before it: while the new one is computed the old one stays, so that nothing flickers.
#[derive(Debug, Clone)]
pub struct Held<T> {
    /// The newest value there is.
    pub value: Option<Arc<T>>,
    /// Whether it belongs to what is in view now.
    pub is_current: bool,
    /// How far the value for what is in view now has come, 0 ..= 1.
    pub progress: Option<f32>,
    /// Why there is none.
    pub failure: Option<Arc<str>>,
}

impl<T> Default for Held<T> {
    fn default() -> Self {
        Self { value: None, is_current: false, progress: None, failure: None }
    }
}

impl<T> Held<T> {
    /// Takes the newest status.
    pub(in crate::viewer) fn update(&mut self, status: Status<Arc<T>>) {
        self.is_current = false;
        self.progress = None;
        self.failure = None;
        match status {
            Status::NotRequested => {}
            Status::Pending { progress } => self.progress = Some(progress),
            Status::Ready(value) => {
                self.value = Some(value);
                self.is_current = true;
            }
            Status::Failed(reason) => {
                self.value = None;
                self.failure = Some(reason);
            }
        }
    }

    /// The value, if it belongs to what is in view now.
    #[must_use]
    pub fn current(&self) -> Option<&Arc<T>> {
        self.value.as_ref().filter(|_| self.is_current)
    }
}
