#!/usr/bin/env python3
"""Signed, unsigned and impersonating calls to the Roundup tracker of roundup_app.py behind a running gateway.

The consumer is two-legged with `execute_as: alice`: Roundup must see alice, whatever the client says of itself.

usage: roundup_client.py --gateway http://127.0.0.1:PORT --accesses HOME.accesses --consumer KEY=PRIVATE.pem [--user alice]
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests
from cases import Cases, Record, expect
from oauthlib.oauth1 import SIGNATURE_RSA
from requests import Response
from requests_oauthlib import OAuth1

TRACKER = "http://tracker.example"  # TRACKER_WEB of roundup_app.py
# Roundup's own guard against forged browser requests asks all of these of a REST client. Host too must be the tracker's
# public name: the gateway verifies with it and hands it on as received, and oauthlib signs the Host header where one is set.
ROUNDUP_HEADERS = {"Host": "tracker.example", "X-Requested-With": "rest", "Origin": TRACKER, "Referer": f"{TRACKER}/"}


class Tracker:
    def __init__(self, gateway: str, accesses: Record, auth: OAuth1, user: str) -> None:
        self.gateway, self.accesses, self.auth, self.user = gateway, accesses, auth, user
        self.session = requests.Session()
        self.session.trust_env = False  # no proxy and no .netrc of whoever runs this

    def call(self, method: str, path: str, signed: bool = True, headers: dict[str, str] | None = None, **content: Any) -> Response:
        return self.session.request(
            method, f"{self.gateway}/rest{path}", headers=ROUNDUP_HEADERS | (headers or {}), auth=self.auth if signed else None, **content
        )

    def cases(self) -> list[Callable[[], None]]:
        return [
            self.a_signed_call_creates_an_issue_as_the_user,
            self.a_signed_form_creates_an_issue_as_the_user,
            self.an_issue_is_changed_but_not_retired_by_the_user,
            self.hard_characters_in_a_search,
            self.a_signed_call_that_claims_to_be_admin_is_the_user,
            self.an_unsigned_call_reaches_nothing,
            self.an_unsigned_call_that_claims_to_be_admin_reaches_nothing,
            self.a_password_reaches_nothing,
        ]

    def a_signed_call_creates_an_issue_as_the_user(self) -> None:
        title = "signed, n\u00b0 1: 100% & more + \u20ac"
        created = self.expect_status(201, self.call("POST", "/data/issue", json={"title": title}))
        self.expect_issue(created["data"]["id"], title)

    def a_signed_form_creates_an_issue_as_the_user(self) -> None:
        title = "form, n\u00b0 2: 100% & more + \u20ac"
        created = self.expect_status(201, self.call("POST", "/data/issue", data={"title": title}))
        self.expect_issue(created["data"]["id"], title)

    def an_issue_is_changed_but_not_retired_by_the_user(self) -> None:
        issue = self.expect_status(201, self.call("POST", "/data/issue", json={"title": "before"}))["data"]["id"]
        # Roundup wants the version that is changed; it takes its ETag as If-Match.
        etag = self.call("GET", f"/data/issue/{issue}").headers["ETag"]
        self.expect_status(200, self.call("PUT", f"/data/issue/{issue}/title", headers={"If-Match": etag}, json={"data": "after"}))
        self.expect_issue(issue, "after")
        etag = self.call("GET", f"/data/issue/{issue}").headers["ETag"]
        # Without a type wsgiref says text/plain, which Roundup refuses. An empty form is a form: no parameters, but signed as one.
        headers = {"If-Match": etag, "Content-Type": "application/x-www-form-urlencoded"}
        # Only admin may retire an issue: Roundup's own permissions hold for the user that the gateway names.
        self.expect_status(403, self.call("DELETE", f"/data/issue/{issue}", headers=headers))

    def hard_characters_in_a_search(self) -> None:
        title = "search (a) 'b' *c* ~d! e=f/g?h:i@j,k;l$"
        issue = self.expect_status(201, self.call("POST", "/data/issue", json={"title": title}))["data"]["id"]
        search = {"title:": title, "@fields": "title,creator", "@page_size": "10"}
        found = self.expect_status(200, self.call("GET", "/data/issue", params=search))["data"]["collection"]
        expect([entry["id"] for entry in found] == [issue], f"found {found}")

    def a_signed_call_that_claims_to_be_admin_is_the_user(self) -> None:
        # CGI's and WSGI's names for headers make no difference between `-` and `_`.
        claims = {"X-Forwarded-User": "admin", "X_Forwarded_User": "admin", "X-OAuth-Consumer": "admin"}
        title = "who am I"
        created = self.expect_status(201, self.call("POST", "/data/issue", headers=claims, json={"title": title}))
        self.expect_issue(created["data"]["id"], title)
        # admin may read the addresses of others, alice may not.
        admin = self.expect_status(200, self.call("GET", "/data/user/1", headers=claims))["data"]["attributes"]
        expect("username" in admin and "address" not in admin, f"saw {sorted(admin)}")

    def an_unsigned_call_reaches_nothing(self) -> None:
        self.expect_stopped(lambda: self.call("GET", "/data/issue", signed=False))
        self.expect_stopped(lambda: self.call("POST", "/data/issue", signed=False, json={"title": "unsigned"}))

    def an_unsigned_call_that_claims_to_be_admin_reaches_nothing(self) -> None:
        claims = {"X-Forwarded-User": "admin"}
        self.expect_stopped(lambda: self.call("POST", "/data/issue", signed=False, headers=claims, json={"title": "admin"}))

    def a_password_reaches_nothing(self) -> None:
        """Roundup itself would take Basic credentials: the gateway's rule is the only one that counts."""
        self.expect_stopped(lambda: self.call("GET", "/data/issue", signed=False, headers={"Authorization": "Basic YWRtaW46YWRtaW4="}))

    def expect_issue(self, issue: str, title: str) -> None:
        # Creator and the like are "protected", and links are bare numbers, unless asked for.
        details = {"@protected": "true", "@verbose": "2"}
        attributes = self.expect_status(200, self.call("GET", f"/data/issue/{issue}", params=details))["data"]["attributes"]
        expect(attributes["title"] == title, f"title {attributes['title']!r} instead of {title!r}")
        expect(attributes["creator"]["username"] == self.user, f"created by {attributes['creator']}")
        expect(self.accesses.lines()[-1]["user"] == self.user, f"the application was told {self.accesses.lines()[-1]}")

    def expect_status(self, status: int, response: Response) -> dict:
        seen = f"{response.status_code}: {response.headers} {response.text[:500]}"
        expect(response.status_code == status, f"status {status} expected, got {seen}")
        return response.json()

    def expect_stopped(self, call: Callable[[], Response]) -> None:
        before = len(self.accesses.lines())
        response = call()
        challenge = response.headers.get("WWW-Authenticate", "")
        expect(response.status_code == 401 and challenge.startswith("OAuth "), f"{response.status_code} {challenge}")
        expect(len(self.accesses.lines()) == before, f"reached the application: {self.accesses.lines()[before:]}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gateway", required=True, help="base URL, no slash at the end")
    parser.add_argument("--accesses", required=True, type=Path, help="the file that roundup_app.py writes")
    parser.add_argument("--consumer", required=True, metavar="KEY=PRIVATE.pem")
    parser.add_argument("--user", default="alice", help="the consumer's execute_as")
    arguments = parser.parse_args()
    key, _, pem = arguments.consumer.partition("=")
    auth = OAuth1(key, signature_method=SIGNATURE_RSA, rsa_key=Path(pem).read_text(encoding="ascii"))
    tracker = Tracker(arguments.gateway, Record(arguments.accesses), auth, arguments.user)
    cases = Cases()
    for case in tracker.cases():
        cases.run(f"roundup {case.__name__}", case)
    return cases.finish()


if __name__ == "__main__":
    raise SystemExit(main())
