//! An authority that is accepted reads the same when it is written out and read again, and holds nothing but a host and a port.
#![no_main]

use countersign::oauth::base_string::{Authority, BaseStringUri, Scheme};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Some(authority) = Authority::parse(text) else { return };
    assert_eq!(Authority::parse(&authority.to_string()).as_ref(), Some(&authority));
    assert!(authority.host().bytes().all(|b| b.is_ascii_graphic() && !b"/\\@?#%,".contains(&b)));
    for scheme in [Scheme::Http, Scheme::Https] {
        let uri = BaseStringUri::new(scheme, &authority, "/x");
        assert!(uri.as_str().ends_with("/x") && uri.as_str().matches('/').count() == 3);
    }
});
