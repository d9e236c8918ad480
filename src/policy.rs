//! What the gateway goes by at one moment: a request loads it once and is judged by that until its end.

use std::sync::Arc;

use crate::config::Settings;
use crate::consumers::ConsumerList;

/// The configuration and the consumers, as one snapshot.
#[derive(Debug)]
pub struct Policy {
    /// countersign.yaml.
    pub settings: Arc<Settings>,
    /// consumers.yaml.
    pub consumers: Arc<ConsumerList>,
}
