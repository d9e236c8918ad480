//! The consumers: who may sign, with which key, for what.

mod changes;
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

pub use changes::Changes;
pub use identity::identity_value;
pub use load::{LoadPolicy, Loaded, load, problems_beside};
pub use model::{Consumer, ConsumerKey, ConsumerList, RateLimit, TwoLegged};
