//! No other site's page changes anything in the name of whoever sits at the browser.

use http::HeaderMap;
use http::header::ORIGIN;

/// Whether our own pages sent it, or a program. `is_ours` says it of an origin as browsers write it.
///
/// Never the only guard: whatever changes something also asks for a proof of the form that it came from.
pub(crate) fn is_of_this_origin(headers: &HeaderMap, is_ours: impl Fn(&str) -> bool) -> bool {
    let one = |name| {
        let mut values = headers.get_all(name).into_iter();
        values.next().map(|value| if values.next().is_some() { "" } else { value.to_str().unwrap_or("") })
    };
    let origin = one(ORIGIN.as_str());
    match one("sec-fetch-site") {
        // Fetch Metadata; not `same-site`, which all ports of this machine are. The origin is `null` if the page is told to send no Referer.
        Some("same-origin") => origin.is_none_or(|origin| origin == "null" || is_ours(origin)),
        Some(_) => false,
        // No browser sends neither of them with a form: this is a program, and no other site's page.
        None => origin.is_none_or(is_ours),
    }
}
