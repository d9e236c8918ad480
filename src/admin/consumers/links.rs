//! Where a consumer's pages are.

use url::form_urlencoded::Serializer;

/// The pages of one consumer.
pub(super) struct Links {
    pub(super) show: String,
    pub(super) edit: String,
    pub(super) remove: String,
    /// What was refused to it lately.
    pub(super) refusals: String,
    /// What users have allowed it.
    pub(super) tokens: String,
}

impl Links {
    pub(super) fn to(key: &str) -> Self {
        let to = |path| link(path, &[("key", key)]);
        Self {
            show: to("/consumers/show"),
            edit: to("/consumers/edit"),
            remove: to("/consumers/remove"),
            refusals: link("/refusals", &[("consumer", key)]),
            tokens: link("/tokens", &[("consumer", key)]),
        }
    }
}

/// A path with a query. A consumer key never stands in the path: to browsers `..` is a step up there, even as `%2e%2e`.
pub(in crate::admin) fn link(path: &str, query: &[(&str, &str)]) -> String {
    let mut encoded = Serializer::new(String::new());
    query.iter().filter(|(_, value)| !value.is_empty()).for_each(|(name, value)| {
        encoded.append_pair(name, value);
    });
    let encoded = encoded.finish();
    if encoded.is_empty() { path.to_owned() } else { format!("{path}?{encoded}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_one_value_whatever_is_in_it() {
        let links = Links::to("../a&b=c#\"<\u{202e}");
        assert_eq!(links.edit, "/consumers/edit?key=..%2Fa%26b%3Dc%23%22%3C%E2%80%AE");
        assert_eq!(link("/", &[("q", ""), ("page", "2")]), "/?page=2");
        assert_eq!(link("/", &[]), "/");
    }
}
