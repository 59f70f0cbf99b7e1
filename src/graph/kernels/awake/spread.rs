//! Gives each of the threads that compute a processor of its own when a network starts.
//!
//! Linux wakes a thread on the processor of the one that wakes it, and looks after the balance only every few
//! milliseconds: after a pause, both threads of a machine with two processors were found on one of them for the whole
//! of a network that takes five milliseconds, the other processor being idle.

/// Moves this thread, number `index` of `count`, to the processor of that number if it is on another. It may be moved
/// elsewhere at any time. Does nothing where there are more processors than threads, or fewer: which of them are free
/// is for the system to say.
#[cfg(target_os = "linux")]
pub(super) fn spread(index: usize, count: usize) {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity};

    let Ok(allowed) = sched_getaffinity(None) else { return };
    if allowed.count() as usize != count {
        return;
    }
    let Some(own) = (0..CpuSet::MAX_CPU).filter(|&processor| allowed.is_set(processor)).nth(index) else { return };
    if sched_getcpu() == own {
        return;
    }
    let mut only = CpuSet::new();
    only.set(own);
    // A system that refuses leaves the thread where it is, which is what there was before.
    if sched_setaffinity(None, &only).is_ok() {
        let _ = sched_setaffinity(None, &allowed);
    }
}

/// Other systems do this by themselves.
#[cfg(not(target_os = "linux"))]
pub(super) fn spread(_index: usize, _count: usize) {}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::thread::sched_getaffinity;

    use super::*;

    #[test]
    fn a_thread_may_go_wherever_it_might_before() {
        let before = sched_getaffinity(None).unwrap();
        let count = before.count() as usize;
        for index in 0..=count {
            spread(index, count);
            assert_eq!(sched_getaffinity(None).unwrap(), before);
        }
        spread(0, count + 1);
        assert_eq!(sched_getaffinity(None).unwrap(), before);
    }
}
