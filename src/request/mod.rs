//! A request on its way to the backend, one type for each thing that is known of it.
//!
//! What the network sent ([`InboundRequest`]), what it claims ([`SignedRequest`]), whom it names
//! ([`IdentifiedRequest`]), what was proved ([`VerifiedRequest`]). Only the last, or an [`AnonymousRequest`] of a route
//! that asks for no proof, becomes an [`UpstreamRequest`].

mod body;
mod destination;
mod grounds;
mod head;
mod inbound;
mod origin;
mod signed;
mod upstream;
mod verified;

pub use body::{BodyBudget, BodyError, OutgoingBody, Progress, RequestBody};
pub use grounds::Grounds;
pub use head::is_forwarded;
pub use inbound::{InboundRequest, Peer};
pub use origin::{Origin, is_in};
pub use signed::{IdentifiedRequest, SignedRequest};
pub use upstream::{AnonymousRequest, UpstreamRequest};
pub use verified::{Purpose, VerifiedRequest, Verifier};
