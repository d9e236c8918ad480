//! What requests are judged by: one immutable snapshot, swapped whole when the files change.
//!
//! A request is routed by the snapshot that it came under, and goes by those settings to its end. Its consumer is looked up in the
//! one in force at that moment, and after the wait for a body that has to be held: who was removed meanwhile signs nothing any more.

use std::sync::Arc;

use crate::config::Settings;
use crate::consumers::ConsumerList;
use crate::tls::Tls;

/// The configuration, the consumers and the certificates, as the files had them at one moment.
#[derive(Debug)]
pub struct Policy {
    /// countersign.yaml.
    pub settings: Arc<Settings>,
    /// consumers.yaml.
    pub consumers: Arc<ConsumerList>,
    /// The certificates and keys that countersign.yaml names.
    pub tls: Arc<Tls>,
}
