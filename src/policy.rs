//! What a request is judged by: one immutable snapshot, swapped whole and loaded once per request.

use std::sync::Arc;

use crate::config::Settings;
use crate::consumers::ConsumerList;
use crate::tls::Tls;

/// The configuration and the consumers, as they stood when the request came.
#[derive(Debug)]
pub struct Policy {
    /// countersign.yaml.
    pub settings: Arc<Settings>,
    /// consumers.yaml.
    pub consumers: Arc<ConsumerList>,
    /// The certificates and keys that countersign.yaml names.
    pub tls: Arc<Tls>,
}
