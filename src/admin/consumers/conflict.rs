//! A file that changed since a page was opened: what is there now beside what was sent.

use super::super::words::shown;
use super::draft::ConsumerForm;

/// Both versions, where they differ.
pub(super) struct ConflictView {
    pub(super) differences: Vec<Difference>,
}

pub(super) struct Difference {
    pub(super) label: &'static str,
    pub(super) now: String,
    pub(super) sent: String,
}

impl ConflictView {
    pub(super) fn of(now: &ConsumerForm, sent: &ConsumerForm) -> Self {
        let pairs = settings(now).into_iter().zip(settings(sent)).filter(|(now, sent)| now != sent);
        let shown = |text: String| if text.is_empty() { "(empty)".to_owned() } else { shown(&text) };
        let differences = pairs.map(|((label, now), (_, sent))| Difference { label, now: shown(now), sent: shown(sent) });
        Self { differences: differences.collect() }
    }
}

/// Everything on the form that can be changed, by its label there.
fn settings(form: &ConsumerForm) -> [(&'static str, String); 19] {
    let flag = |flag| if flag { "yes" } else { "no" }.to_owned();
    [
        ("Name", form.name.clone()),
        ("Description", form.description.clone()),
        ("Public Key", form.public_keys.join("\n")),
        ("Callback URL", form.callback_url.clone()),
        ("Enabled", flag(form.enabled)),
        ("Allow 2-Legged OAuth", flag(form.two_legged)),
        ("Execute 2-Legged requests as", form.execute_as.clone()),
        ("Allow 2-Legged OAuth with impersonation", flag(form.impersonation)),
        ("Allow 3-Legged OAuth", flag(form.three_legged)),
        ("Signature methods", form.sorted_methods().join(", ")),
        ("Expires", form.expires.clone()),
        ("Requests at most", format!("{} {}", form.rate_requests, form.rate_per).trim().to_owned()),
        ("What it may reach", form.allow.clone()),
        ("Where it may come from", form.allow_from.clone()),
        ("File with user:password for the application", form.upstream_basic_file.clone()),
        ("File with a bearer token for the application", form.upstream_bearer_file.clone()),
        ("What refusals tell it", form.reveal.clone()),
        ("Allow OAuth 1.0 without oauth_callback", flag(form.allow_oauth_1_0)),
        ("Allow a key whose private half is public", flag(form.allow_published_key)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_stand_side_by_side_where_they_differ() {
        let now = ConsumerForm { name: "a\u{202e}".into(), expires: "2030-01-01".into(), ..ConsumerForm::new() };
        let sent = ConsumerForm { name: "b".into(), impersonation: true, ..ConsumerForm::new() };
        let rows: Vec<_> = ConflictView::of(&now, &sent).differences.into_iter().map(|d| (d.label, d.now, d.sent)).collect();
        let row = |label, now: &str, sent: &str| (label, now.to_owned(), sent.to_owned());
        let expected = [
            row("Name", "a\\u{202e}", "b"),
            row("Allow 2-Legged OAuth with impersonation", "no", "yes"),
            row("Expires", "2030-01-01", "(empty)"),
        ];
        assert_eq!(rows, expected);
        assert!(ConflictView::of(&now, &now.clone()).differences.is_empty());
    }
}
