//! What the end-to-end and reference tests share.

#![allow(dead_code, reason = "not each test uses all")]

pub mod cli;
pub mod engine;
pub mod fidelity;
pub mod formula;
pub mod reference;

use std::path::{Path, PathBuf};

/// The folder with reference vectors and real studies that stands beside a developer's checkout.
///
/// `GLASSBOX_SHARED` names another place. Without it a user's clone skips the test with a line on stderr;
/// with `GLASSBOX_REQUIRE_SHARED` set its absence is a failure.
#[must_use]
pub fn shared() -> Option<PathBuf> {
    let path = std::env::var_os("GLASSBOX_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    if path.is_dir() {
        return Some(path);
    }
    assert!(std::env::var_os("GLASSBOX_REQUIRE_SHARED").is_none(), "{} is required and absent", path.display());
    eprintln!("skipped: {} is not here", path.display());
    None
}
