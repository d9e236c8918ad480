#!/usr/bin/env python3
"""A provider of OAuth 1.0a that is not ours: oauthlib checks the signatures and makes the tokens. Also bad ones.

usage: oauth_provider.py --public-key KEY.pub [--certificate C.pem --key K.pem]; prints its port

The first segment of the path is the context path of a provider that behaves as it is called; `/good` is oauthlib's. There
`&decide=allow` or `&decide=deny`, added to the address of the consent page, is what a user would press.
"""

import argparse
import json
import ssl
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from oauthlib.oauth1 import (
    SIGNATURE_RSA_SHA1,
    SIGNATURE_RSA_SHA256,
    SIGNATURE_RSA_SHA512,
    AccessTokenEndpoint,
    AuthorizationEndpoint,
    OAuth1Error,
    RequestTokenEndpoint,
    RequestValidator,
    ResourceEndpoint,
)

CONSUMER = "reporting"
OAUTH = "/plugins/servlet/oauth/"
LIFETIMES = {"oauth_expires_in": "157680000", "oauth_authorization_expires_in": "160272000", "oauth_session_handle": "handle-1"}


class Validator(RequestValidator):
    """What oauthlib asks of whoever keeps tokens; one consumer, in memory."""

    enforce_ssl = False
    nonce_length = 20, 64
    client_key_length = 1, 64
    dummy_client = "nobody"
    dummy_request_token = dummy_access_token = "none"
    allowed_signature_methods = (SIGNATURE_RSA_SHA1, SIGNATURE_RSA_SHA256, SIGNATURE_RSA_SHA512)

    def __init__(self, public_key: str) -> None:
        super().__init__()
        self.public_key = public_key
        self.requested: dict[str, dict[str, str]] = {}
        self.given: dict[str, str] = {}
        self.seen: set[tuple[str, ...]] = set()

    def validate_client_key(self, client_key: str, request: Any) -> bool:
        return client_key == CONSUMER

    def get_rsa_key(self, client_key: str, request: Any) -> str:
        return self.public_key

    def validate_timestamp_and_nonce(self, client_key: str, timestamp: str, nonce: str, *_: Any, **__: Any) -> bool:
        new = (client_key, timestamp, nonce) not in self.seen
        self.seen.add((client_key, timestamp, nonce))
        return new and abs(time.time() - int(timestamp)) < 300

    def validate_redirect_uri(self, client_key: str, redirect_uri: str, request: Any) -> bool:
        return "elsewhere" not in redirect_uri

    def validate_requested_realms(self, *_: Any) -> bool:
        return True

    def validate_realms(self, *_: Any, **__: Any) -> bool:
        return True

    def verify_realms(self, *_: Any) -> bool:
        return True

    def get_default_realms(self, *_: Any) -> list[str]:
        return []

    def get_realms(self, *_: Any) -> list[str]:
        return []

    def save_request_token(self, token: dict[str, str], request: Any) -> None:
        self.requested[token["oauth_token"]] = {"callback": request.redirect_uri}

    def get_redirect_uri(self, token: str, request: Any) -> str:
        return self.requested[token]["callback"]

    def verify_request_token(self, token: str, request: Any) -> bool:
        return token in self.requested

    def validate_request_token(self, client_key: str, token: str, request: Any) -> bool:
        return token in self.requested

    def save_verifier(self, token: str, verifier: dict[str, str], request: Any) -> None:
        self.requested[token]["verifier"] = verifier["oauth_verifier"]

    def validate_verifier(self, client_key: str, token: str, verifier: str, request: Any) -> bool:
        return self.requested[token].get("verifier") == verifier

    def invalidate_request_token(self, client_key: str, request_token: str, request: Any) -> None:
        del self.requested[request_token]

    def save_access_token(self, token: dict[str, str], request: Any) -> None:
        token.update(LIFETIMES)
        self.given[token["oauth_token"]] = "alice"

    def validate_access_token(self, client_key: str, token: str, request: Any) -> bool:
        return token in self.given


class Provider(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    validator: Validator
    date: str | None = None

    def do_GET(self) -> None:
        self.behave()

    def do_POST(self) -> None:
        self.behave()

    def behave(self) -> None:
        context, _, rest = self.path.lstrip("/").partition("/")
        name, *arguments = context.split("~")
        getattr(self, f"as_{name}")(f"/{rest}", *arguments)

    def as_good(self, path: str) -> None:
        uri = f"{self.scheme}://{self.headers['Host']}{self.path}"
        request = (uri, self.command, None, dict(self.headers))
        endpoint = urlsplit(path).path.removeprefix(OAUTH)
        try:
            if endpoint == "request-token":
                answer = RequestTokenEndpoint(self.validator).create_request_token_response(*request)
            elif endpoint == "authorize":
                answer = self.decided(uri)
            elif endpoint == "access-token":
                answer = AccessTokenEndpoint(self.validator).create_access_token_response(*request)
            else:
                answer = self.resource(request)
        except OAuth1Error as error:
            answer = ({}, error.urlencoded, error.status_code)
        fields, body, status = answer
        self.answer(body or "", status, **fields)

    def decided(self, uri: str) -> tuple[dict[str, str], str, int]:
        query = parse_qs(urlsplit(uri).query)
        [token], [decision] = query["oauth_token"], query["decide"]
        if decision == "deny":
            callback = self.validator.requested[token]["callback"]
            return {"Location": f"{callback}?oauth_token={token}&oauth_verifier=denied"}, "", 302
        bare = uri.partition("?")[0] + f"?oauth_token={token}"
        return AuthorizationEndpoint(self.validator).create_authorization_response(bare, credentials={"user": "alice"})

    def resource(self, request: tuple[str, str, None, dict[str, str]]) -> tuple[dict[str, str], str, int]:
        valid, signed = ResourceEndpoint(self.validator).validate_protected_resource_request(*request)
        if not valid:
            return {}, "no", 401
        user = self.validator.given[signed.resource_owner_key]
        return {"Content-Type": "application/json"}, json.dumps({"name": user, "url": self.path}), 200

    def as_missing(self, _path: str) -> None:
        self.answer("not here", 404)

    def as_page(self, _path: str) -> None:
        self.answer("<!DOCTYPE html><form>Log in</form>oauth_token=a", 200, Content_Type="text/html;charset=UTF-8")

    def as_moved(self, _path: str) -> None:
        self.answer("", 301, Location="https://jira.example.com/\u00fc".encode().decode("latin-1"))

    def as_login(self, _path: str) -> None:
        self.answer("", 302, Location="/login.jsp")

    def as_sso(self, _path: str) -> None:
        self.answer("sign in", 401, WWW_Authenticate='Basic realm="sso"')

    def as_down(self, _path: str) -> None:
        self.answer("oops", 502)

    def as_strange(self, _path: str) -> None:
        self.answer("welcome", 200, Content_Type="text/plain")

    def as_unconfirmed(self, _path: str) -> None:
        self.answer("oauth_token=t&oauth_token_secret=s", 200, Content_Type="text/plain")

    def as_silent(self, _path: str) -> None:
        self.close_connection = True

    def as_refuses(self, _path: str, status: str, *pairs: str) -> None:
        self.refuse(int(status), pairs)

    def as_then(self, path: str, status: str, *pairs: str) -> None:
        """Gives a request token, and refuses to exchange it."""
        if "request-token" in path:
            self.answer("oauth_token=request-1&oauth_token_secret=s&oauth_callback_confirmed=true", 200)
        else:
            self.refuse(int(status), pairs)

    def as_call(self, path: str, status: str, *pairs: str) -> None:
        """Gives tokens, and refuses the call."""
        if path.startswith(OAUTH):
            self.answer("oauth_token=access-1&oauth_token_secret=secret-1&oauth_callback_confirmed=true", 200)
        else:
            self.refuse(int(status), pairs)

    def as_behind(self, _path: str, seconds: str) -> None:
        """Its clock is that many seconds ahead of ours."""
        now = int(time.time()) + int(seconds)
        self.date = formatdate(now, usegmt=True)
        self.refuse(401, ["oauth_problem=timestamp_refused", f"oauth_acceptable_timestamps={now - 300}-{now + 300}"])

    def refuse(self, status: int, pairs: Any) -> None:
        """Pairs are `name=value`, the value percent-encoded as in a URL."""
        split = [pair.split("=", 1) for pair in pairs]
        listed = "".join(f', {name}="{quote(value, safe="%-._~")}"' for name, value in split)
        self.answer("", status, WWW_Authenticate=f'OAuth realm="x"{listed}')

    def date_time_string(self, timestamp: float | None = None) -> str:
        return self.date or super().date_time_string(timestamp)

    @property
    def scheme(self) -> str:
        return "https" if isinstance(self.connection, ssl.SSLSocket) else "http"

    def answer(self, body: str, status: int, **fields: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body.encode())))
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_arguments: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that trust no stranger end the handshake; that is what a test is about."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--public-key", required=True)
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    arguments = parser.parse_args()
    with open(arguments.public_key, encoding="ascii") as file:
        Provider.validator = Validator(file.read())
    server = Server(("127.0.0.1", 0), Provider)
    if arguments.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(arguments.certificate, arguments.key)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
