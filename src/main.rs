//! The command line: without a subcommand the viewer opens.

mod cli;

use std::process::ExitCode;

use glassbox::allocator::Aligned;

#[global_allocator]
static MEMORY: Aligned = Aligned;

fn main() -> ExitCode {
    cli::main()
}
