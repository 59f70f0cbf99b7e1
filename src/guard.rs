//! Runs readers that others wrote so that a panic of theirs becomes a reason, and stays off the terminal.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    static SILENT: Cell<bool> = const { Cell::new(false) };
}

static HOOK: Once = Once::new();

/// Runs `work`; where it panics, the error is what it said. `work` must leave nothing half done behind it.
pub fn quietly<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    HOOK.call_once(|| {
        let outer = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !SILENT.get() {
                outer(info);
            }
        }));
    });
    let before = SILENT.replace(true);
    let outcome = panic::catch_unwind(AssertUnwindSafe(work));
    SILENT.set(before);
    outcome.map_err(|panic| {
        let text = panic
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("no reason given");
        text.to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_reason() {
        assert_eq!(quietly(|| -> u8 { panic!("index out of bounds") }).unwrap_err(), "index out of bounds");
        assert_eq!(quietly(|| 1), Ok(1));
    }
}
