//! The command line: one file per command, and the only place where a private key is ever used.
//!
//! Exit codes: 0 done; 1 refused, invalid or failed ([`Failure`]); 2 wrong usage (clap's own).

mod admin;
mod check;
mod consumers;
mod dance;
mod demo;
mod failure;
mod keygen;
mod reload;
mod serve;
mod shell;
mod sign;
mod signing;
mod store;
mod tokens;
mod url;

use std::io::{self, Write};

use clap::{Parser, Subcommand};

pub use failure::Failure;

/// The arguments of one run.
#[derive(Debug, Parser)]
#[command(name = "countersign", version, about, after_help = AFTER_HELP)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// One variant per command; each has its file, its arguments and a `run`.
#[derive(Debug, Subcommand)]
enum Command {
    /// Stand in front of an application and let through only what its consumers signed
    Serve(serve::Serve),
    /// Check the files, and print every problem with its line
    Check(check::Check),
    /// Look at the consumers, and change them
    Consumers(consumers::Consumers),
    /// Have the running gateway read its files now, and wait for what became of it
    Reload(reload::Reload),
    /// Watch a gateway at work: unsigned, signed, tampered and replayed requests
    Demo(demo::Demo),
    /// Sign a request as a consumer would, to try a gateway by hand
    Sign(Box<sign::Sign>),
    /// Ask a user for an access token as a consumer would, in the three-legged dance
    Dance(Box<dance::Dance>),
    /// Make a consumer's RSA key pair, and the entry for consumers.yaml
    Keygen(keygen::Keygen),
    /// Say who may sign in to the administrator's pages, and which programs may use their API
    Admin(admin::Admin),
    /// Make the nonce store ready that several instances share
    Store(store::Store),
    /// Show which consumers act for which users, and take that back
    Tokens(tokens::Tokens),
}

impl Cli {
    /// Runs the command to its end.
    ///
    /// # Errors
    /// [`Failure`], ready to be printed.
    pub fn run(self) -> Result<(), Failure> {
        match self.command {
            Command::Serve(command) => command.run(),
            Command::Check(command) => command.run(),
            Command::Consumers(command) => command.run(),
            Command::Reload(command) => command.run(),
            Command::Demo(command) => command.run(),
            Command::Sign(command) => command.run(),
            Command::Dance(command) => command.run(),
            Command::Keygen(command) => command.run(),
            Command::Admin(command) => command.run(),
            Command::Store(command) => command.run(),
            Command::Tokens(command) => command.run(),
        }
    }
}

/// Writes the whole output of a command. A reader that has seen enough (`| head`) is no failure.
fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Where the configuration is, unless `--config` says otherwise.
const DEFAULT_CONFIG: &str = "/etc/countersign/countersign.yaml";

const AFTER_HELP: &str = "\
Examples:
  countersign demo
  countersign keygen --consumer reporting --name Reporting --out reporting
  countersign sign --key reporting.pem --consumer reporting http://127.0.0.1:8080/status";
