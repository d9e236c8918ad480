//! The configuration's rules for consumers, kept for as long as an editor lives.

use crate::config::Settings;
use crate::consumers::load::LoadPolicy;
use crate::consumers::model::ConsumerList;
use crate::oauth::signature::SignatureMethod;

/// What the configuration says about all consumers.
#[derive(Debug, Clone)]
pub struct Rules {
    signature_methods: Vec<SignatureMethod>,
    min_key_bits: u32,
    pub(super) max_size: usize,
}

impl Rules {
    /// As configured.
    pub fn of(settings: &Settings) -> Self {
        Self::from_policy(&LoadPolicy::of(settings))
    }

    /// As without a configuration.
    pub fn by_default() -> Self {
        Self::from_policy(&LoadPolicy::by_default())
    }

    fn from_policy(policy: &LoadPolicy<'_>) -> Self {
        let signature_methods = policy.signature_methods.to_vec();
        Self { signature_methods, min_key_bits: policy.min_key_bits, max_size: policy.max_size }
    }

    /// At this moment, after a list.
    pub(super) fn policy<'a>(&'a self, previous: Option<&'a ConsumerList>) -> LoadPolicy<'a> {
        LoadPolicy {
            signature_methods: &self.signature_methods,
            min_key_bits: self.min_key_bits,
            max_size: self.max_size,
            previous,
            ..LoadPolicy::by_default()
        }
    }
}
