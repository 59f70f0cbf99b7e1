//! The command line: without a subcommand the viewer opens.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
