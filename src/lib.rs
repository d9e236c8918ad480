//! Countersign: an OAuth 1.0a enforcement gateway.
//!
//! The modules, in the order in which a request meets them.

pub mod cli;
pub mod config;
pub mod consumers;
pub mod oauth;
pub mod policy;
pub mod routes;
pub mod yaml;
