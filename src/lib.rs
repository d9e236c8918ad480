//! Countersign: an OAuth 1.0a enforcement gateway.
//!
//! The modules, first what a request meets and in that order, then what administrators meet, then what both stand on. The policy
//! is [`Gateway::admit`](gateway::Gateway::admit); the proof is made in [`request::VerifiedRequest`]'s file.
//!
//! | module | |
//! |---|---|
//! | [`cli`] | the commands; `serve` starts everything below, and is its control plane |
//! | [`serve`] | the running gateway: sockets, data plane, chores |
//! | [`config`] | countersign.yaml, resolved and valid |
//! | [`policy`] | what the files say at one moment: settings, consumers, certificates |
//! | [`proxy`] | connections, one exchange after another: to the backend, or to the dance |
//! | [`request`] | received, signed, identified, verified: one type for each |
//! | [`routes`] | which access a method and path have |
//! | [`gateway`] | the policy in one expression: what passes, as whom |
//! | [`oauth`] | RFC 5849 and nothing else |
//! | [`consumers`] | who may sign: read, edited, imported; a pasted key looked at; [all files read again](consumers::reload) |
//! | [`failures`] | bad signatures, capped |
//! | [`replay`] | nonces that were accepted: in memory, in a journal, in a store that instances share |
//! | [`tokens`] | temporary and token credentials: in memory, in a database |
//! | [`dance`] | who gives a token to whom: request token, consent, access token, revocation |
//! | [`refusal`] | why a request is stopped, told twice |
//! | [`admin`] | the administrator's listener: health, metrics, pages, API |
//! | [`web`] | what the pages of both listeners share |
//! | [`accounts`] | who signs in here, the administrators and the dance's users, and how |
//! | [`observe`] | access log, audit log, diagnostics, counts, metrics, health |
//! | [`sockets`] | passed or bound |
//! | [`service`] | what the service manager and `countersign reload` are told |
//! | [`tls`] | certificates and keys, read from files and ready to use |
//! | [`secret`] | random secrets, and the hashes that are kept in their place |
//! | `stamp` | how a file looks, by which a change of it shows |
//! | [`directory`] | files in a directory, by its descriptor |
//! | [`yaml`] | YAML with a line for every problem |
//! | `harmless` | texts of strangers, fit to be shown |
//! | [`client`] | one request of our own, on a connection of its own |
//! | [`clock`] | the time |

pub mod accounts;
pub mod admin;
pub mod cli;
pub mod client;
pub mod clock;
pub mod config;
pub mod consumers;
pub mod dance;
pub mod directory;
pub mod failures;
pub mod gateway;
mod harmless;
pub mod oauth;
pub mod observe;
pub mod policy;
pub mod proxy;
pub mod refusal;
pub mod replay;
pub mod request;
pub mod routes;
pub mod secret;
pub mod serve;
pub mod service;
pub mod sockets;
mod stamp;
pub mod tls;
pub mod tokens;
pub mod web;
pub mod yaml;
