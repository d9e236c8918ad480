//! The consumers: who may sign, with which key, for what.

mod model;

pub use model::{Consumer, ConsumerKey, ConsumerList, RateLimit, TwoLegged};
