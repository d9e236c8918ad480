//! The data plane: listeners, connections, header hygiene, the backend's connections; and the dance's endpoints, which are answered here.

mod connection;
mod dance;
mod exchange;
mod handshake;
pub mod headers;
mod limits;
mod plane;
mod pool;
mod probe;
mod pulse;
mod response;
mod stream;
mod tunnel;

pub use handshake::FailedHandshakes;
pub use limits::ConnectionLimits;
pub use plane::{DataPlane, Drain, Shared, Stopped};
