//! Paths that two servers read differently.

use crate::support::{Backend, Gateway, by_reporting, request};
use crate::{admitted, denied, denied_as};

const PATHS: [&str; 24] = [
    "/admin?x=/health",
    "/health/../admin",
    "/health/./../admin",
    "/health%2f..%2fadmin",
    "/health%2F..%2Fadmin",
    "/health;/../admin",
    "/health;x=1",
    "//health",
    "/health//x",
    "/health\\..\\admin",
    "/health/%5c../admin",
    "/health/%2e%2e/admin",
    "/health/%2E./admin",
    "/health/.%2e/admin",
    "/health/%00",
    "/health/%00/../admin",
    "/health/%0d%0a",
    "/health/%252e%252e/admin",
    "/health/%3b/x",
    "/health/%3f",
    "/health/%23",
    "/health/..;/admin",
    "/health/%c0%ae%c0%ae/admin",
    "/health/%zz",
];

#[test]
fn d31_no_spelling_of_a_path_reaches_a_less_guarded_route() {
    let backend = Backend::start();
    let gateway = Gateway::builder().upstream(&backend).route("{ path: /health/**, access: open }").start();
    admitted(&gateway, "the route itself", &request().get("/health/live"));
    for path in PATHS {
        let response = denied(&gateway, &backend, path, &request().get(path));
        assert!(matches!(response.status, 400 | 401), "{path}: {}", response.status);
        let disguised = request().get(path).line("User-Agent: ELB-HealthChecker/2.0").line("Referer: /health");
        denied(&gateway, &backend, path, &disguised);
        denied(&gateway, &backend, path, &request().method("HEAD").target(path));
    }
    assert_eq!(backend.requests().len(), 1);
}

#[test]
fn d31_where_something_is_denied_a_path_with_two_readings_is_denied() {
    let backend = Backend::start();
    let gateway = Gateway::builder()
        .upstream(&backend)
        .route("{ path: /health/**, access: open }")
        .route("{ path: /admin/**, access: deny }")
        .start();
    for path in PATHS.into_iter().skip(1) {
        let response = denied(&gateway, &backend, path, &by_reporting().get(path));
        assert!(matches!(response.status, 400 | 403), "{path}: {}", response.status);
    }
    for path in ["/admin", "/admin/x", "/Admin", "/ADMIN/x", "/%61dmin"] {
        denied_as(&gateway, &backend, (403, "permission_denied"), path, &by_reporting().get(path));
        assert_eq!(denied(&gateway, &backend, path, &request().get(path)).status, 403);
    }
}

#[test]
fn d31_no_loose_spelling_of_a_name_reaches_what_a_rule_guards() {
    let backend = Backend::start();
    let gateway = Gateway::builder()
        .upstream(&backend)
        .route("{ path: /admin/**, access: deny }")
        .route("{ path: /signed/**, access: signed }")
        .route("{ path: /**, access: open }")
        .start();
    // What Windows, file systems without case and many frameworks take for the name itself.
    let loose = [
        "/admin/",
        "/Admin",
        "/ADMIN/x",
        "/admin.",
        "/admin%20",
        "/admin%2e",
        "/admin./x",
        "/admin../x",
        "/admin%20/x",
        "/admin%2E/x",
        "/admin.%20./x",
        "/Admin./x./y",
        "/admin../",
        "/admin./",
        "/.../admin/x",
        "/%20/admin",
        "/admin/...",
    ];
    for path in loose {
        for signing in [request(), by_reporting()] {
            denied_as(&gateway, &backend, (403, "permission_denied"), path, &signing.get(path));
        }
    }
    let hits = backend.requests().len();
    for path in loose.map(|path| path.to_lowercase().replace("admin", if path.contains('A') { "Signed" } else { "signed" })) {
        assert_eq!(denied(&gateway, &backend, &path, &request().get(&path)).status, 401, "{path}");
        admitted(&gateway, &path, &by_reporting().get(&path));
        assert_eq!(backend.last_request().field("X-OAuth-Consumer"), Some("reporting"), "{path}");
    }
    assert_eq!(backend.requests().len(), hits + loose.len());
    for path in ["/administration", "/admin.x", "/.admin", "/x/admin", "/admi", "/signed-off", "/x/signed.", "/%20signed"] {
        admitted(&gateway, path, &request().get(path));
    }
}

#[test]
fn d31_a_consumers_allow_list_covers_only_what_it_says() {
    let backend = Backend::start();
    let consumer = crate::support::Consumer::new("reporting", &crate::support::RSA_2048)
        .with("allow: [{ path: /rest/**, methods: [GET, POST] }, { path: /status }]");
    let gateway = Gateway::builder().upstream(&backend).consumer(consumer).start();
    for (method, path) in [("GET", "/rest"), ("POST", "/rest/api/2"), ("GET", "/r%65st/x"), ("PUT", "/status")] {
        admitted(&gateway, path, &by_reporting().method(method).target(path));
    }
    let outside = [
        ("PUT", "/rest/api"),
        ("GET", "/restricted"),
        ("GET", "/Rest/x"),
        ("GET", "/rest/../admin"),
        ("GET", "/rest/%2e%2e/admin"),
        ("GET", "/rest;/../admin"),
        ("GET", "/admin?/rest/"),
        ("GET", "/status/"),
        ("GET", "//rest/x"),
        ("GET", "/rest%2fx"),
    ];
    for (method, path) in outside {
        let request = by_reporting().method(method).target(path);
        denied_as(&gateway, &backend, (403, "permission_denied"), path, &request);
    }
}
