//! The program, called as its users call it.

#![expect(clippy::expect_used, reason = "what fails in a helper fails the test")]

use std::path::Path;
use std::process::{Command, Output};

/// The program with these arguments, without a display and with its usual log.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_glassbox"));
    command.args(arguments).env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY").env_remove("RUST_LOG");
    command
}

/// What the program says to these arguments.
pub fn glassbox(arguments: &[&str]) -> Output {
    command(arguments).output().expect("the program starts")
}

/// A path as an argument.
pub fn text(path: &Path) -> &str {
    path.to_str().expect("a temporary path is UTF-8")
}
