//! Runs decoders that others wrote so that a panic of theirs becomes a reason.

use super::fault::{Fault, Outcome};
use crate::guard::quietly;

/// Runs `work`; where it panics, the reason says which decoder gave up.
pub(super) fn guarded<T>(decoder: &str, work: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    // The closures borrow immutable bytes and build their result from nothing, so a panic leaves nothing half done.
    quietly(work).unwrap_or_else(|text| Err(Fault::damaged(format!("the {decoder} decoder gave up ({text})"))))
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
