//! Which cookie a browser sent.

use http::HeaderMap;
use http::header::COOKIE;

/// The cookie's value. Cookies know no ports, and few paths: what another program of the same host sets comes too, and of two that
/// are called the same nobody can say which is ours.
pub(crate) fn find<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let lines = headers.get_all(COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut found = pairs.filter(|(other, _)| *other == name).map(|(_, value)| value);
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn the_cookie_is_found_among_others_if_it_is_the_only_one_of_its_name() {
        let headers = |lines: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(COOKIE, HeaderValue::from_str(line).unwrap());
            }
            headers
        };
        for (lines, found) in [
            (&["a=1; countersign_session=x; b=2"][..], Some("x")),
            (&["a=1", "countersign_session=x=y"], Some("x=y")),
            (&["countersign_session=x; countersign_session=y"], None),
            (&["countersign_session=x", "countersign_session=x"], None),
            (&["xcountersign_session=x; Countersign_Session=y"], None),
            (&[], None),
        ] {
            assert_eq!(find(&headers(lines), "countersign_session"), found, "{lines:?}");
        }
    }
}
