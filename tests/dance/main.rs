//! The three-legged dance: its endpoints, its pages, foreign clients that dance it, and what attackers try with it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests: whatever goes wrong here ends one")]
#![allow(dead_code, reason = "the pages that the rest is for are not there yet")]

mod form;
mod owner;
mod refused;
mod site;
#[path = "../support/mod.rs"]
mod support;
mod temporary;
