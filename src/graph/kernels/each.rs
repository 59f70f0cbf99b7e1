//! One loop, shared by all threads that compute.
//!
//! Takes what a parallel iterator takes, with two differences that matter where a loop lasts a fraction of a
//! millisecond and the next one follows at once: nobody falls asleep before the last thread has done its part, and
//! neighbouring items are worked on by one thread one after the other, fewer at a time towards the end.

use std::{
    hint::spin_loop,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use rayon::Yield;

use super::awake::PATIENCE;

/// Does `work` with each item, on all threads of the pool.
pub(in crate::graph) fn each<I>(items: I, work: impl Fn(I::Item) + Sync)
where
    I: ExactSizeIterator<Item: Send> + Send,
{
    let threads = rayon::current_num_threads().min(items.len());
    if threads < 2 {
        return items.for_each(work);
    }
    let queue = Queue { items: Mutex::new(items), threads, at_work: AtomicUsize::new(0) };
    rayon::in_place_scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|_| queue.work_off(&work));
        }
        queue.work_off(&work);
        queue.wait();
    });
}

/// What is left to do.
struct Queue<I> {
    items: Mutex<I>,
    threads: usize,
    /// Threads that have taken items and have not come back for more.
    at_work: AtomicUsize,
}

impl<I: ExactSizeIterator> Queue<I> {
    fn work_off(&self, work: &impl Fn(I::Item)) {
        let mut mine = Vec::new();
        while self.take(&mut mine) {
            let _busy = Busy(&self.at_work);
            mine.drain(..).for_each(work);
        }
    }

    /// The next few items: a fair part of half of what is left, so that all threads end together.
    fn take(&self, mine: &mut Vec<I::Item>) -> bool {
        // Items are taken whole or not at all; a thread that panicked elsewhere has left nothing half done here.
        let mut items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        let count = items.len().div_ceil(2 * self.threads);
        mine.extend(items.by_ref().take(count));
        if !mine.is_empty() {
            self.at_work.fetch_add(1, Ordering::Relaxed);
        }
        !mine.is_empty()
    }

    /// Waits for the others without falling asleep, for a while. What else there is to do for the pool is left alone: it
    /// may be a whole network's run.
    fn wait(&self) {
        let start = Instant::now();
        while self.at_work.load(Ordering::Acquire) > 0 && start.elapsed() < PATIENCE {
            if rayon::yield_local() != Some(Yield::Executed) {
                (0..64).for_each(|_| spin_loop());
            }
        }
    }
}

/// A thread at work.
struct Busy<'a>(&'a AtomicUsize);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_item_is_met_once() {
        for (threads, count) in [(1, 9), (2, 0), (2, 1), (2, 1000), (5, 3), (5, 77)] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut met = vec![0_u32; count * 3];
            pool.install(|| {
                each(met.chunks_mut(3).enumerate(), |(index, met)| {
                    // Loops within loops, as a batch of pictures has them.
                    each(met.iter_mut(), |met| *met += 1 + index as u32);
                });
            });
            let expected: Vec<u32> = (0..count * 3).map(|index| 1 + (index / 3) as u32).collect();
            assert_eq!(met, expected, "{threads} {count}");
        }
    }

    #[test]
    #[should_panic(expected = "one of many")]
    fn a_panic_reaches_the_caller() {
        each(0..100, |index| assert!(index != 57, "one of many"));
    }
}
