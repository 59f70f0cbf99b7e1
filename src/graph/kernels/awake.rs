//! Keeps the threads that compute awake while a network runs.
//!
//! Between two layers there is a moment in which there is nothing to do for all threads but one. One that goes to sleep
//! then takes up to a tenth of a millisecond to be woken, as long as a small layer takes altogether.

use std::{
    cell::Cell,
    hint::spin_loop,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use rayon::Yield;

mod spread;

/// How long a thread stays awake without finding anything to do.
pub(super) const PATIENCE: Duration = Duration::from_millis(2);

/// How long the first thread waits for the others when a network starts.
const START: Duration = Duration::from_micros(200);

/// How many networks are running.
static RUNNING: AtomicUsize = AtomicUsize::new(0);

/// How many threads have woken up for the network that was the first to run.
static AWAKE: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// Whether this thread is in [`while_awake`] or waits for work of one that is: it may come by again while it waits
    /// for others.
    static TAKES_PART: Cell<bool> = const { Cell::new(false) };
}

/// Does something on one of the threads that compute, the others being awake meanwhile.
pub(in crate::graph) fn while_awake<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    rayon::scope(|_| {
        let _guard = Running::start();
        work()
    })
}

/// Counts a running network.
struct Running {
    took_part: bool,
}

impl Running {
    fn start() -> Self {
        let took_part = TAKES_PART.replace(true);
        take_own_processor();
        if RUNNING.fetch_add(1, Ordering::Relaxed) == 0 {
            AWAKE.store(1, Ordering::Relaxed);
            rayon::spawn_broadcast(|_| stay_awake());
            let_others_come();
        }
        Self { took_part }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.fetch_sub(1, Ordering::Relaxed);
        TAKES_PART.set(self.took_part);
    }
}

/// Looks for work as long as a network runs.
fn stay_awake() {
    if TAKES_PART.replace(true) {
        return;
    }
    take_own_processor();
    AWAKE.fetch_add(1, Ordering::Relaxed);
    let mut last = Instant::now();
    while RUNNING.load(Ordering::Relaxed) > 0 && last.elapsed() < PATIENCE {
        if rayon::yield_now() == Some(Yield::Executed) {
            last = Instant::now();
        } else {
            (0..64).for_each(|_| spin_loop());
        }
    }
    TAKES_PART.set(false);
}

/// Gives way to the threads that have just been woken: one that Linux has put on this thread's processor could not go to
/// its own before this one's time is up, milliseconds later.
fn let_others_come() {
    let start = Instant::now();
    while AWAKE.load(Ordering::Relaxed) < rayon::current_num_threads() && start.elapsed() < START {
        std::thread::yield_now();
    }
}

fn take_own_processor() {
    if let Some(index) = rayon::current_thread_index() {
        spread::spread(index, rayon::current_num_threads());
    }
}

#[cfg(test)]
mod tests {
    use rayon::prelude::*;

    use super::*;

    #[test]
    fn runs_beside_and_within_each_other_end() {
        let sum = |seed: u64| while_awake(|| (0..1000_u64).into_par_iter().map(|value| value * seed).sum::<u64>());
        let sums: Vec<u64> = (0..64_u64).into_par_iter().map(|seed| while_awake(|| sum(seed) + sum(1))).collect();
        assert!(sums.iter().enumerate().all(|(seed, &sum)| sum == 499_500 * (seed as u64 + 1)));
        let outside = std::thread::spawn(move || sum(3)).join().unwrap();
        assert_eq!(outside, 3 * 499_500);
    }
}
