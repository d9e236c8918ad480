//! The consumers: who may sign, with which key, for what.
//!
//! [`load()`] makes a [`ConsumerList`] of their files, or every problem. [`edit`] changes the files and [`import`] fetches what an
//! application publishes; neither touches the list in force, which [`reload`] alone replaces. It reads countersign.yaml and the
//! certificates again as well, since one change may be in all of them. [`key_check`] tells what a pasted public key is.

mod changes;
mod credential_files;
pub mod edit;
mod entries;
mod entry;
mod files;
mod identity;
pub mod import;
pub mod key_check;
mod keys;
mod load;
mod model;
pub mod reload;
mod upstream_authorization;

pub use changes::Changes;
pub use credential_files::CredentialFiles;
pub use identity::{identity_value, user_name};
pub use load::{LoadPolicy, Loaded, load, problems_beside};
pub use model::{Consumer, ConsumerKey, ConsumerList, RateLimit, TwoLegged};
pub use upstream_authorization::UpstreamAuthorization;
