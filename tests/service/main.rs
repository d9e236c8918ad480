//! The gateway as a service: started on passed sockets, told to reload and to stop, watched, and in its sandbox.

mod drain;
mod manager;
mod notifications;
mod reload;
mod restart;
mod sandbox;
mod sockets;
#[path = "../support/mod.rs"]
mod support;
mod units;
