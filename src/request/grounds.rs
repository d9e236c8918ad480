//! What a consumer may do: asked of each request, and again as long as a tunnel lives that one opened.

use std::net::IpAddr;

use http::Method;

use crate::consumers::Consumer;
use crate::oauth::key::Fingerprint;
use crate::oauth::signature::SignatureMethod;
use crate::refusal::Refusal;

/// On what grounds a proved request passed, besides its consumer's being active and its token's being good.
#[derive(Debug)]
pub struct Grounds {
    /// Under which the signature held.
    pub(super) key: Fingerprint,
    pub(super) signature_method: SignatureMethod,
    pub(super) method: Method,
    /// The raw path.
    pub(super) path: String,
    pub(super) client: IpAddr,
    pub(super) has_token: bool,
    /// Whom the backend was told.
    pub(super) user: Option<String>,
    /// Whether that was another than the consumer's own `execute_as`: named by the request.
    pub(super) is_named: bool,
}

impl Grounds {
    /// Whether they still hold for the consumer as it is listed now.
    ///
    /// # Errors
    /// Which does not, in words for the operator.
    pub fn check(&self, consumer: &Consumer) -> Result<(), String> {
        let has_key = consumer.public_keys.iter().any(|key| key.fingerprint() == self.key);
        if !has_key || !consumer.signature_methods.contains(&self.signature_method) {
            return Err("its consumer no longer signs with that key and method".to_owned());
        }
        check_call(consumer, self.has_token, self.client).map_err(|refusal| refusal.to_string())?;
        if !consumer.may_reach(&self.method, &self.path) {
            return Err(Refusal::ConsumerMayNotReach.to_string());
        }
        if self.acts_alike(consumer) { Ok(()) } else { Err("its consumer no longer acts as that user".to_owned()) }
    }

    /// Whether the user would be the same. The token's, where there is one, is for the token to say.
    fn acts_alike(&self, consumer: &Consumer) -> bool {
        let may_be_named = self.is_named && consumer.two_legged.impersonation;
        self.has_token || may_be_named || self.user == consumer.two_legged.execute_as
    }
}

/// Whether the consumer may call with a token, or without one, from this address.
pub(super) fn check_call(consumer: &Consumer, has_token: bool, client: IpAddr) -> Result<(), Refusal> {
    if has_token && !consumer.three_legged {
        return Err(Refusal::ThreeLeggedDenied);
    }
    if !has_token && !consumer.two_legged.allowed {
        return Err(Refusal::TwoLeggedDenied);
    }
    if consumer.may_come_from(client) { Ok(()) } else { Err(Refusal::ConsumerMayNotComeFrom) }
}
