//! Reads the arguments and runs one command.

use std::process::ExitCode;

use clap::Parser;
use countersign::cli::check;

/// An OAuth 1.0a enforcement gateway
#[derive(Parser)]
#[command(version)]
enum Command {
    Check(check::CheckArgs),
}

fn main() -> ExitCode {
    match Command::parse() {
        Command::Check(args) => check::run(&args),
    }
}
