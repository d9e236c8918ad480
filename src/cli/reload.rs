//! `countersign reload`: the running gateway reads its files, and this waits for the verdict.

use std::fmt::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;

use super::{Failure, print};
use crate::config::Source;
use crate::service::{ProcessId, StateDirectory, Verdict, monotonic_usec};

/// Have the running gateway read its files now, and wait for what became of it
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Reload {
    /// The configuration of the gateway
    #[arg(long, value_name = "FILE", default_value = super::DEFAULT_CONFIG)]
    config: PathBuf,
    /// The gateway's state directory, if it is not the one in the configuration
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    state: Option<PathBuf>,
    /// How long to wait, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    wait: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Reload {
    pub(super) fn run(self) -> Result<(), Failure> {
        let state = self.state_directory()?;
        let unreadable = |error| Failure::new(format!("cannot find the gateway by {}: {error}", state.display())).hint(AS_USER);
        let process = StateDirectory::holder(&state).map_err(unreadable)?.ok_or_else(|| no_gateway(&state))?;
        let asked = monotonic_usec();
        let refused = |error| Failure::new(format!("cannot signal the gateway, process {}: {error}", process.number()));
        let is_there = || StateDirectory::holder(&state).is_ok_and(|holder| holder == Some(process));
        if !process.hang_up(is_there).map_err(|error| refused(error).hint(AS_USER))? {
            return Err(no_gateway(&state));
        }
        let verdict = self.wait_for(&state, process, asked)?;
        if self.json {
            let json = serde_json::to_string(&verdict).map_err(|error| Failure::new(error.to_string()))?;
            print(&format!("{json}\n"))?;
            return if verdict.ok { Ok(()) } else { Err(Failure::new("the gateway goes on with what it had")) };
        }
        if !verdict.ok {
            let problems = verdict.problems.join("\n");
            return Err(
                Failure::new(format!("the gateway goes on with what it had\n{problems}")).hint("mend these lines and try again")
            );
        }
        print(&text(&verdict))
    }

    fn state_directory(&self) -> Result<PathBuf, Failure> {
        if let Some(state) = &self.state {
            return Ok(state.clone());
        }
        let loaded = Source::File(self.config.clone()).load().map_err(|refused| {
            Failure::new(format!("the configuration cannot be used\n{}", refused.problems))
                .hint("mend these lines and try again; the gateway goes on with what it had")
        })?;
        Ok(loaded.settings.state_directory)
    }

    fn wait_for(&self, state: &std::path::Path, process: ProcessId, asked: u64) -> Result<Verdict, Failure> {
        let begun = Instant::now();
        loop {
            // One that began before we asked may have read the files before they were as they are.
            let verdict = Verdict::read(state).filter(|it| it.process == process.number() && it.begun_usec >= asked);
            if let Some(verdict) = verdict {
                return Ok(verdict);
            }
            if StateDirectory::holder(state).is_ok_and(|holder| holder != Some(process)) {
                return Err(Failure::new("the gateway ended before it had read its files").hint("its log says why"));
            }
            if begun.elapsed() >= Duration::from_secs(self.wait) {
                let waited =
                    format!("the gateway, process {}, did not say within {} s what became of it", process.number(), self.wait);
                return Err(Failure::new(waited).hint("its log may say why; --wait waits longer"));
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }
}

fn no_gateway(state: &std::path::Path) -> Failure {
    Failure::new(format!("no gateway runs on the state directory {}", state.display())).hint(
        "name its configuration with --config, or its state directory with --state; a changed state_directory takes a restart",
    )
}

fn text(verdict: &Verdict) -> String {
    let mut text: String = verdict.problems.iter().map(|problem| format!("{problem}\n")).collect();
    // Writing to a String does not fail.
    if !verdict.needs_restart.is_empty() {
        let _ = writeln!(text, "taken at the next start: {}", verdict.needs_restart.join(", "));
    }
    let _ = writeln!(text, "consumers  {}", verdict.consumers);
    text
}

const LOOK_EVERY: Duration = Duration::from_millis(20);

const AS_USER: &str = "run this as root or as the gateway's user";

const AFTER_HELP: &str = "\
Examples:
  countersign reload --config /etc/countersign/countersign.yaml
  countersign reload --state ./state --json

Exit code 0: both files are in force as they are now. 1: a file has problems, which are printed, and the gateway goes on with
what it had; or no gateway runs, or it did not answer in time.";
