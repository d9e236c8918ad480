#!/usr/bin/env python3
"""requests-oauthlib and jira, as their users call them, against a running gateway in front of echo_backend.py.

Each request is sent three times: first with one thing changed after signing, under the same nonce (401
`signature_invalid`, nothing reaches the backend, the nonce stays unused), then as signed (200), then again (401 `nonce_used`).

usage: clients_python.py --gateway http://127.0.0.1:PORT --record FILE --consumer KEY=PRIVATE.pem [--consumer ...]
"""

import argparse
import base64
import json
import logging
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

import requests
from cases import Cases, Record, expect
from jira import JIRA, JIRAError
from oauthlib.oauth1 import SIGNATURE_RSA, SIGNATURE_TYPE_AUTH_HEADER, SIGNATURE_TYPE_BODY, SIGNATURE_TYPE_QUERY
from requests import PreparedRequest, Response, Session
from requests_oauthlib import OAuth1

FORM = "application/x-www-form-urlencoded"
HARD = "a b+c%d&e=f;g/h?i:j@k,l$ !*'()~ \u00e4\u20ac\U0001f510"
HARD_PAIRS = [("q", HARD), (HARD, "v"), ("empty", ""), ("again", "2"), ("again", "10"), ("again", ""), ("%41", "%2541")]
# As typed by hand, not as urlencode would write it: names without value, raw reserved characters, lower-case escapes.
HARD_QUERY = "flag&empty=&a=1=2&a=1&sp=+%20&low=%c3%a4&raw=!*'()~,/?:@$;&%7e=%7E&x=%2525&last"


@dataclass(frozen=True)
class Consumer:
    key: str
    private_key: str

    @classmethod
    def parse(cls, argument: str) -> "Consumer":
        key, _, path = argument.partition("=")
        return cls(key, Path(path).read_text(encoding="ascii"))

    def auth(self, placement: str) -> OAuth1:
        return OAuth1(self.key, signature_method=SIGNATURE_RSA, rsa_key=self.private_key, signature_type=placement)


@dataclass(frozen=True)
class Call:
    """One request before signing."""

    name: str
    method: str
    path: str
    placements: tuple[str, ...] = (SIGNATURE_TYPE_AUTH_HEADER, SIGNATURE_TYPE_QUERY)
    params: list[tuple[str, str]] | None = None
    form: list[tuple[str, str]] | None = None
    json: Any = None
    data: bytes | None = None
    content_type: str | None = None

    def prepare(self, session: Session, gateway: str, consumer: Consumer, placement: str) -> PreparedRequest:
        headers = {"X-Case": str(uuid.uuid4())}
        if self.content_type:
            headers["Content-Type"] = self.content_type
        data = self.form if self.form is not None else self.data
        request = requests.Request(
            self.method, gateway + self.path, headers, params=self.params, data=data, json=self.json, auth=consumer.auth(placement)
        )
        signed = session.prepare_request(request)
        # requests-oauthlib leaves every header value as bytes; text is easier to compare and goes out the same.
        signed.headers.update({name: as_text(value) for name, value in signed.headers.items()})
        return signed


EVERYWHERE = (SIGNATURE_TYPE_AUTH_HEADER, SIGNATURE_TYPE_QUERY, SIGNATURE_TYPE_BODY)
CALLS = [
    Call("get_plain", "GET", "/plain"),
    Call("get_root", "GET", ""),
    Call("get_hard_parameters", "GET", "/search", params=HARD_PAIRS),
    Call("get_hard_query_string", "GET", f"/search?{HARD_QUERY}"),
    Call("get_hard_path", "GET", "/a%20b/%c3%a4/%2F/!*'()~;m=1/x,y@z:$/"),
    # requests escapes these before they are signed and sent; oauthlib alone would refuse to sign them.
    Call("get_raw_brackets", "GET", "/search?ids[0]=1&ids[1]=2&{a|b}=^`\\"),
    Call("get_oauth_like_names", "GET", "/search?xoauth_requestor=1&my_oauth_token=2&Oauth_x=3"),
    Call("head", "HEAD", "/plain?a=1"),
    Call("options", "OPTIONS", "/plain"),
    Call("delete", "DELETE", "/thing/1", params=[("force", "yes please")]),
    Call("post_form", "POST", "/form", EVERYWHERE, form=HARD_PAIRS),
    Call("post_form_and_query", "POST", "/form?again=3&q=0", EVERYWHERE, form=HARD_PAIRS),
    Call("post_empty", "POST", "/empty"),
    Call("post_json", "POST", "/json", json={"text": HARD, "oauth_token": "not a parameter"}),
    Call("put_json", "PUT", "/json/1?notify=false", json=[1, {"a": None}]),
    Call("put_form", "PUT", "/form/1", EVERYWHERE, form=HARD_PAIRS),
    Call("patch_json", "PATCH", "/json/1", json={"a": HARD}, content_type="application/merge-patch+json"),
    Call("patch_form", "PATCH", "/form/1", EVERYWHERE, form=[("a", "1"), ("a", "")]),
    Call("post_bytes", "POST", "/bytes", data=bytes(range(256)) * 64, content_type="application/octet-stream"),
    # Looks like a form, is declared as something else: no part of the base string, and its oauth_ names are data.
    Call("post_text_like_a_form", "POST", "/text", data=b"a=1&oauth_token=2", content_type="text/plain"),
]


def tampered(signed: PreparedRequest) -> Iterator[tuple[str, PreparedRequest]]:
    """The same signature on something else, in every way that the request has a place for."""
    url = signed.url or ""
    path, _, query = url.partition("?")

    def twin(what: str, **changes: object) -> tuple[str, PreparedRequest]:
        other = signed.copy()
        other.headers["X-Case"] = str(uuid.uuid4())
        for name, value in changes.items():
            setattr(other, name, value)
        if "body" in changes:
            other.headers["Content-Length"] = str(len(as_text(other.body)))
        return what, other

    yield twin("path", url=url.replace(path, path + "x", 1))
    yield twin("added_parameter", url=f"{path}?tampered=1&{query}" if query else f"{path}?tampered")
    yield twin("method", method="PUT" if signed.method == "POST" else "POST")
    if "=1" in without_oauth(query):  # oauth_version=1.0 comes later, and changing it is another refusal
        yield twin("value", url=f"{path}?{query.replace('=1', '=7', 1)}")
    if signed.headers.get("Content-Type") == FORM:
        yield twin("form", body=f"tampered=1&{as_text(signed.body)}")


def as_text(content: Any) -> str:
    return content.decode("latin-1") if isinstance(content, bytes) else content or ""


def without_oauth(pairs: str) -> str:
    """The raw `&` segments that are the application's own."""
    return "&".join(raw for raw in pairs.split("&") if not unquote_plus(raw.partition("=")[0]).startswith("oauth_"))


def expect_refused(response: Response, status: int, problem: str) -> None:
    challenge = response.headers.get("WWW-Authenticate", "")
    expect(response.status_code == status, f"status {response.status_code} instead of {status}: {challenge} {response.text[:300]}")
    expect(challenge.startswith("OAuth ") and f'oauth_problem="{problem}"' in challenge, f"WWW-Authenticate: {challenge}")


class RequestsOauthlib:
    def __init__(self, gateway: str, record: Record, consumer: Consumer) -> None:
        self.gateway, self.record, self.consumer = gateway, record, consumer
        self.session = Session()
        self.session.trust_env = False  # no proxy and no .netrc of whoever runs this

    def single_cases(self) -> list[Callable[[], None]]:
        return [
            self.unsigned_is_refused,
            self.hmac_is_refused,
            self.a_token_that_nobody_issued_is_refused,
            self.foreign_identity_headers_are_replaced,
        ]

    def run(self, call: Call, placement: str) -> None:
        signed = call.prepare(self.session, self.gateway, self.consumer, placement)
        for what, twin in tampered(signed):
            try:
                expect_refused(self.session.send(twin), 401, "signature_invalid")
            except AssertionError as error:
                raise AssertionError(f"tampered {what}: {error}") from error
            expect(not self.reached(twin), f"tampered {what} reached the backend")
        response = self.session.send(signed)
        challenge = response.headers.get("WWW-Authenticate")
        expect(response.status_code == 200, f"status {response.status_code}: {challenge} {response.text[:300]}")
        self.expect_forwarded(signed)
        expect_refused(self.session.send(signed), 401, "nonce_used")
        expect(len(self.reached(signed)) == 1, "a replay reached the backend")

    def expect_forwarded(self, signed: PreparedRequest) -> None:
        reached = self.reached(signed)
        expect(len(reached) == 1, f"reached the backend {len(reached)} times")
        seen = reached[0]
        headers = [(name.lower(), value) for name, value in seen["headers"]]
        path, _, query = signed.path_url.partition("?")
        own = without_oauth(query)
        # With nothing left in the query a bare `?` more or less means the same.
        targets = [f"{path}?{own}"] if own else [path, f"{path}?"]
        body = signed.body if isinstance(signed.body, bytes) else as_text(signed.body).encode()
        if signed.headers.get("Content-Type") == FORM:
            body = without_oauth(body.decode()).encode()
        expect(seen["method"] == signed.method, f"method {seen['method']}")
        expect(seen["target"] in targets, f"target {seen['target']} instead of {targets[0]}")
        expect(base64.b64decode(seen["body"]) == body, f"body {base64.b64decode(seen['body'])!r} instead of {body!r}")
        expect([v for n, v in headers if n == "x-oauth-consumer"] == [self.consumer.key], f"X-OAuth-Consumer in {headers}")
        expect(not any(n == "authorization" or "oauth_signature" in v for n, v in headers), f"credentials in {headers}")
        content_types = [v for n, v in headers if n == "content-type"]
        expect(content_types == [v for n, v in signed.headers.items() if n.lower() == "content-type"], f"Content-Type {content_types}")

    def reached(self, request: PreparedRequest) -> list[dict]:
        return [line for line in self.record.lines() if ["x-case", request.headers["X-Case"]] in lower_names(line)]

    def hmac_is_refused(self) -> None:
        auth = OAuth1(self.consumer.key, client_secret="anything")
        expect_refused(self.session.get(f"{self.gateway}/plain", auth=auth), 400, "signature_method_rejected")

    def unsigned_is_refused(self) -> None:
        response = self.session.get(f"{self.gateway}/plain")
        challenge = response.headers.get("WWW-Authenticate", "")
        expect(response.status_code == 401 and challenge.startswith("OAuth "), f"{response.status_code} {challenge}")
        expect("oauth_problem" not in challenge, f"a bare challenge, not {challenge}")

    def foreign_identity_headers_are_replaced(self) -> None:
        case = str(uuid.uuid4())
        claims = {"X-Case": case, "X-OAuth-Consumer": "somebody-else", "X-Forwarded-User": "admin"}
        self.session.get(f"{self.gateway}/plain", auth=self.consumer.auth(SIGNATURE_TYPE_AUTH_HEADER), headers=claims)
        (seen,) = [line for line in self.record.lines() if ["x-case", case] in lower_names(line)]
        values = [value for _, value in seen["headers"]]
        expect("somebody-else" not in values and "admin" not in values, f"{seen['headers']}")

    def a_token_that_nobody_issued_is_refused(self) -> None:
        auth = OAuth1(self.consumer.key, resource_owner_key="nobodys", signature_method=SIGNATURE_RSA, rsa_key=self.consumer.private_key)
        expect_refused(self.session.get(f"{self.gateway}/plain", auth=auth), 401, "token_rejected")


def lower_names(line: dict) -> list[list[str]]:
    return [[name.lower(), value] for name, value in line["headers"]]


class Jira:
    """The jira package in its oauth= mode. An empty access token makes it two-legged: oauthlib then sends no oauth_token."""

    def __init__(self, gateway: str, record: Record, consumer: Consumer) -> None:
        self.gateway, self.record, self.consumer = gateway, record, consumer

    def cases(self) -> list[Callable[[], None]]:
        return [
            self.falls_back_from_hmac_to_rsa,
            self.does_not_try_hmac_when_told_rsa,
            self.creates_reads_and_searches,
            self.a_token_is_refused_and_reported,
        ]

    def connect(self, access_token: str = "", **oauth: str) -> JIRA:
        credentials = {
            "access_token": access_token,
            "access_token_secret": "",
            "consumer_key": self.consumer.key,
            "key_cert": self.consumer.private_key,
        }
        return JIRA(server=self.gateway, options={"check_update": False}, oauth=credentials | oauth, max_retries=0)

    def falls_back_from_hmac_to_rsa(self) -> None:
        before = len(self.record.lines())
        with refusals_logged_by_jira() as refusals:
            self.connect()
        expect(refusals == [400], f"the HMAC-SHA1 attempt was answered {refusals}")
        targets = [line["target"] for line in self.record.lines()[before:]]
        expect(targets == ["/rest/api/2/myself", "/rest/api/2/serverInfo"], f"the backend saw {targets}")

    def does_not_try_hmac_when_told_rsa(self) -> None:
        with refusals_logged_by_jira() as refusals:
            self.connect(signature_method=SIGNATURE_RSA)
        expect(refusals == [], f"refused: {refusals}")

    def creates_reads_and_searches(self) -> None:
        jira = self.connect(signature_method=SIGNATURE_RSA)
        expect(jira.myself()["name"] == self.consumer.key, "the identity header did not come through")
        fields = {"project": {"key": "DEMO"}, "summary": HARD, "issuetype": {"name": "Bug"}}
        issue = jira.create_issue(fields=fields)
        created = [line for line in self.record.lines() if (line["method"], line["target"]) == ("POST", "/rest/api/2/issue")][-1]
        expect(json.loads(base64.b64decode(created["body"])) == {"fields": fields}, "the JSON body was changed")
        expect(issue.key == "DEMO-1", f"created {issue.key}")
        jql = f'summary ~ "{HARD}" ORDER BY created'
        (found,) = jira.search_issues(jql)
        expect(found.fields.summary == jql, f"the backend read {found.fields.summary!r}")

    def a_token_is_refused_and_reported(self) -> None:
        before = len(self.record.lines())
        try:
            self.connect(access_token="nobodys-token")
        except JIRAError as error:
            expect(error.status_code == 401, f"status {error.status_code}")
            expect("token_rejected" in (error.text or ""), f"the client's user reads {error.text!r}")
        else:
            raise AssertionError("connected with a token that nobody issued")
        expect(len(self.record.lines()) == before, "something reached the backend")


class refusals_logged_by_jira(logging.Handler):
    """The statuses of the attempts that jira swallows: it logs each with its exception and goes on."""

    def __enter__(self) -> list[int | None]:
        self.statuses: list[int | None] = []
        logging.getLogger("jira").addHandler(self)
        return self.statuses

    def __exit__(self, *_: object) -> None:
        logging.getLogger("jira").removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and isinstance(record.exc_info[1], JIRAError):
            self.statuses.append(record.exc_info[1].status_code)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gateway", required=True, help="base URL, no slash at the end")
    parser.add_argument("--record", required=True, type=Path, help="the record file given to echo_backend.py")
    parser.add_argument("--consumer", required=True, action="append", type=Consumer.parse, metavar="KEY=PRIVATE.pem")
    arguments = parser.parse_args()
    record = Record(arguments.record)
    cases = Cases()
    for number, consumer in enumerate(arguments.consumer):
        client = RequestsOauthlib(arguments.gateway, record, consumer)
        # The first consumer makes every call. The others differ in the size of their key, which changes the signature
        # alone: one call for each placement (oauthlib parses the key for each request, 0.3 s with 4096 bits).
        calls = CALLS if number == 0 else [call for call in CALLS if call.name == "post_form_and_query"]
        for call in calls:
            for placement in call.placements:
                cases.run(f"requests_oauthlib {consumer.key} {placement.lower()} {call.name}", partial(client.run, call, placement))
        if number == 0:
            for case in client.single_cases():
                cases.run(f"requests_oauthlib {consumer.key} {case.__name__}", case)
        for case in Jira(arguments.gateway, record, consumer).cases():
            cases.run(f"jira {consumer.key} {case.__name__}", case)
    return cases.finish()


if __name__ == "__main__":
    raise SystemExit(main())
