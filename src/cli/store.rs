//! `countersign store`: the nonce store that several instances share.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use super::{Failure, print};
use crate::clock::Clock;
use crate::config::Source;
use crate::replay::{NotInitialised, initialise};

/// The nonce store that several instances share
#[derive(Debug, Args)]
#[command(after_help = "Example: countersign store init --unused")]
pub(super) struct Store {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(Init),
}

/// Make a store ready for the settings in the configuration
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
struct Init {
    /// The configuration of the instances
    #[arg(long, value_name = "FILE", default_value = super::DEFAULT_CONFIG)]
    config: PathBuf,
    /// No instance has ever served with this store: refuse no timestamps
    #[arg(long)]
    unused: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Store {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self.command {
            Command::Init(init) => init.run(),
        }
    }
}

impl Init {
    fn run(self) -> Result<(), Failure> {
        let loaded = Source::File(self.config.clone()).load().map_err(|refused| {
            Failure::new(format!("the configuration cannot be used\n{}", refused.problems)).hint("mend these lines and try again")
        })?;
        let settings = loaded.settings;
        let Some(replay) = &settings.replay else {
            return Err(Failure::new(format!("{} names no shared store", self.config.display()))
                .hint("several instances share one with replay: { shared: redis://127.0.0.1:6379/0, key_file: store.key }"));
        };
        let now = Clock::System.wall();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::new(format!("cannot start: {error}")))?;
        let from = runtime.block_on(initialise(replay, settings.verify.window, now, self.unused));
        let from = from.map_err(|why| failure(&replay.store.to_string(), &why))?;
        let seconds = from.seconds().saturating_sub(now.seconds());
        print(&match (self.json, seconds) {
            (true, _) => format!("{}\n", json!({ "store": replay.store.to_string(), "accepts_from": from.seconds() })),
            (false, 0) => format!("{} is ready\n", replay.store),
            (false, _) => format!("{} is ready; timestamps of the next {seconds} s are refused\n", replay.store),
        })
    }
}

fn failure(store: &str, why: &NotInitialised) -> Failure {
    match why {
        NotInitialised::Trouble(trouble) => {
            Failure::new(format!("the shared nonce store {store} cannot be used: {trouble}")).hint(trouble.hint())
        }
        NotInitialised::Used => Failure::new(format!("an instance has served with the shared nonce store {store}"))
            .hint("leave --unused out; timestamps that it can have accepted are then refused until they are too old"),
    }
}

const AFTER_HELP: &str = "\
Without this a gateway that finds an empty store takes it for one that lost its memory, and refuses timestamps for some minutes.
With it, too, unless --unused says that there was nothing to lose.

Examples:
  countersign store init --unused --config /etc/countersign/countersign.yaml   before the first start
  countersign store init --config /etc/countersign/countersign.yaml            all stopped, after verify.max_age was changed";
