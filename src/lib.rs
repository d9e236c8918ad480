//! Countersign: an OAuth 1.0a enforcement gateway.
//!
//! The modules, in the order in which a request meets them.

pub mod serve;
pub mod proxy;
pub mod policy;
pub mod config;
pub mod request;
pub mod routes;
pub mod gateway;
pub mod oauth;
pub mod consumers;
pub mod failures;
pub mod replay;
pub mod clock;
pub mod refusal;
pub mod observe;
