//! An engine on the CPU, and waiting for what it gives.

#![expect(clippy::expect_used, reason = "what fails in a helper fails the test")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use glassbox::engine::{Config, Engine, Status};

/// Far longer than anything here takes on a loaded machine.
pub const PATIENCE: Duration = Duration::from_mins(5);

pub fn engine() -> Engine {
    Engine::start(Config { threads: Some(2), ..Config::default() }).expect("the CPU is always there")
}

/// Polls as the viewer does each frame.
pub fn wait<T>(what: &str, mut poll: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = poll() {
            return value;
        }
        assert!(start.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// What has been answered, for better or worse.
pub fn settled<T>(status: Status<T>) -> Option<Result<T, Arc<str>>> {
    match status {
        Status::Ready(value) => Some(Ok(value)),
        Status::Failed(reason) => Some(Err(reason)),
        Status::NotRequested | Status::Pending { .. } => None,
    }
}
