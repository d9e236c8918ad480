//! `countersign demo`: a gateway, a sample application behind it and a sample consumer in front, on loopback, and what becomes of
//! five requests.

mod application;
mod folder;
mod scene;
mod screen;
mod stage;

use std::time::Duration;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use self::folder::Folder;
use self::screen::Screen;
use self::stage::{CONSUMER, Stage};
use super::failure::Failure;
use super::shell;

/// Arguments of `demo`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Demo {
    /// End after the five requests; exit 0 only if each was answered as it should be
    #[arg(long)]
    once: bool,
}

impl Demo {
    pub(super) fn run(self) -> Result<(), Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(cannot_start)?;
        runtime.block_on(self.play())
    }

    async fn play(&self) -> Result<(), Failure> {
        let folder = Folder::create().map_err(cannot_start)?;
        let stage = Stage::set(&folder).await?;
        let screen = Screen::detect();
        super::print(&screen.opening(&stage))?;
        let mut wrong = 0;
        for (at, scene) in scene::all(&stage)?.iter().enumerate() {
            let played = stage.play(scene).await?;
            wrong += usize::from(!played.is_right(scene));
            super::print(&screen.scene(at + 1, scene, &played))?;
        }
        if !self.once {
            super::print(&screen.by_hand(&commands(&stage, &folder)?, &folder))?;
            wait_for_the_end(&stage).await?;
        }
        stage.strike().await;
        match wrong {
            0 => Ok(()),
            _ => Err(Failure::new(format!("{wrong} requests were not answered as they should be"))),
        }
    }
}

/// What a person can paste: an unsigned request, and a signed one for as often as they like.
fn commands(stage: &Stage, folder: &Folder) -> Result<[String; 2], Failure> {
    let program = std::env::current_exe().map_err(cannot_start)?;
    let url = stage.url("/invoices?year=2026");
    let words =
        ["sign", "--key", &folder.path("demo.pem").display().to_string(), "--consumer", CONSUMER, "--print", "curl", &url];
    let quoted: Vec<String> = words.iter().map(|word| shell::quote(word)).collect();
    let program = shell::quote(&program.display().to_string());
    Ok([format!("curl -i {}", shell::quote(&url)), format!("{program} {} | sh", quoted.join(" "))])
}

/// Until Ctrl-C or SIGTERM. Nonces out of the window are forgotten meanwhile, as `serve` does it.
async fn wait_for_the_end(stage: &Stage) -> Result<(), Failure> {
    let mut terminate = signal(SignalKind::terminate()).map_err(cannot_start)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot_start)?;
    loop {
        tokio::select! {
            _ = interrupt.recv() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
            () = tokio::time::sleep(Duration::from_secs(1)) => stage.sweep(),
        }
    }
}

fn cannot_start(error: std::io::Error) -> Failure {
    Failure::new(format!("the demo cannot start: {error}"))
}

const AFTER_HELP: &str = "\
Example:
  countersign demo --once

Everything listens on 127.0.0.1, on ports that were free; keys and files are in a folder of their own that goes with the demo.";
