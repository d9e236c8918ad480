//! Consumers added, edited and removed with the built program: ugly files, one file and folders, two editors at once, killed
//! in the middle, nothing that may be written, a gateway that runs meanwhile.

#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests: whatever goes wrong here ends one")]

mod audit;
mod crash;
mod desk;
mod files;
mod folders;
mod keys;
mod live;
mod many;
mod settings;
#[path = "../support/mod.rs"]
mod support;
mod together;
mod ugly;
