//! Countersign: an OAuth 1.0a enforcement gateway.
//!
//! The modules, in the order in which a request meets them:
//!
//! | module | |
//! |---|---|
//! | [`cli`] | the commands; `serve` starts everything below |
//! | [`serve`] | the running gateway: sockets, data plane, chores |
//! | [`config`] | countersign.yaml, resolved and valid |
//! | [`policy`] | the snapshot that a request is judged by |
//! | [`proxy`] | connections, one exchange after another |
//! | [`request`] | received, signed, identified, verified: one type for each |
//! | [`routes`] | which access a method and path have |
//! | [`gateway`] | the policy in one expression |
//! | [`oauth`] | RFC 5849 and nothing else |
//! | [`consumers`] | who may sign |
//! | [`failures`] | bad signatures, capped |
//! | [`replay`] | nonces that were accepted |
//! | [`refusal`] | why a request is stopped, told twice |
//! | [`admin`] | the administrator's listener: health, metrics, pages |
//! | [`accounts`] | the administrators, and how they sign in |
//! | [`observe`] | access log, diagnostics, counts |
//! | [`sockets`] | passed or bound |
//! | [`service`] | what the service manager and `countersign reload` are told |
//! | [`tls`] | certificates and keys, read from files and ready to use |
//! | [`directory`] | files in a directory, by its descriptor |
//! | [`yaml`] | YAML with a line for every problem |
//! | [`clock`] | the time |

pub mod accounts;
pub mod admin;
pub mod cli;
pub mod clock;
pub mod config;
pub mod consumers;
pub mod directory;
pub mod failures;
pub mod gateway;
pub mod oauth;
pub mod observe;
pub mod policy;
pub mod proxy;
pub mod refusal;
pub mod replay;
pub mod request;
pub mod routes;
pub mod serve;
pub mod service;
pub mod sockets;
pub mod tls;
pub mod yaml;
