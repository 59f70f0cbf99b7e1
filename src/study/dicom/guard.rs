//! Runs decoders that others wrote so that a panic of theirs becomes a reason, and stays off the terminal.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use super::fault::{Fault, Outcome};

thread_local! {
    static SILENT: Cell<bool> = const { Cell::new(false) };
}

static HOOK: Once = Once::new();

/// Runs `work`; where it panics, the reason says which decoder gave up.
pub(super) fn guarded<T>(decoder: &str, work: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    HOOK.call_once(|| {
        let outer = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !SILENT.get() {
                outer(info);
            }
        }));
    });
    let before = SILENT.replace(true);
    // The closures borrow immutable bytes and build their result from nothing, so a panic leaves nothing half done.
    let outcome = panic::catch_unwind(AssertUnwindSafe(work));
    SILENT.set(before);
    outcome.unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("no reason given");
        Err(Fault::damaged(format!("the {decoder} decoder gave up ({text})")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_reason() {
        let outcome: Outcome<()> = guarded("test", || panic!("index out of bounds"));
        let Err(Fault::Damaged(reason)) = outcome else { panic!("an error was expected") };
        assert_eq!(reason, "the test decoder gave up (index out of bounds)");
        assert_eq!(guarded("test", || Ok(1)), Ok(1));
    }
}
