#!/usr/bin/env python3
"""Signature base strings by oauthlib, as a second opinion on ours.

    base_strings.py < requests.jsonl
        each line {"method", "url", and optionally "headers": {..}, "authorization", "content_type", "body"}
        is answered by a line {"base_string", "base_string_uri", "normalized_parameters"} or {"error"}
    base_strings.py --generate N --seed S
        writes N hard random requests, each with what a server sees of it ("scheme", "host", "target", ..) and the answer

What oauthlib cannot express, and is therefore not generated (each is its quirk, not RFC 5849's rule):
  - a query or form with raw characters other than letters, digits and _.-=&;:%+~,*@!()/?'$ : an error in a query, and a
    body silently without parameters; `%` at the end of a query passes as it stands, other bad escapes are an error
  - escapes that are not UTF-8: become U+FFFD
  - `oauth_` values with a `%` of their own in query or form: decoded twice. In the header, names and the values of other
    parameters are not decoded at all
  - a parameter twice in the Authorization header: only the last counts. The value may contain `\\"`, which we do not allow
  - `realm` in query or form: correct here; but oauthlib's own server drops it
  - a path that ends in its last segment's first `;`: the `;` is lost
  - IPv6 hosts are brought to their short form, ports to a number without leading zeros
  - a raw space in the path becomes %20: it can't come through HTTP
NUL is left out too: no server has to take it.
"""

import argparse
import json
import random
import string
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from oauthlib.oauth1.rfc5849.signature import base_string_uri, collect_parameters, normalize_parameters, signature_base_string

FORM = "application/x-www-form-urlencoded"


def answer(request: dict) -> dict[str, str]:
    try:
        headers = {name.lower(): value for name, value in (request.get("headers") or {}).items()}
        authorization = request.get("authorization") or headers.get("authorization") or ""
        content_type = request.get("content_type") or headers.get("content-type") or ""
        is_form = content_type.partition(";")[0].strip().lower() == FORM
        uri = base_string_uri(request["url"], headers.get("host"))
        parameters = collect_parameters(
            uri_query=urlsplit(request["url"]).query,
            body=(request.get("body") or "") if is_form else "",
            # Another scheme is no OAuth header and no error: the parameters are then in the query or in the form.
            headers={"Authorization": authorization} if authorization.partition(" ")[0].lower() == "oauth" else {},
        )
        normalized = normalize_parameters(parameters)
        return {
            "base_string": signature_base_string(request["method"], uri, normalized),
            "base_string_uri": uri,
            "normalized_parameters": normalized,
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return {"error": f"{type(error).__name__}: {error}"}


# ---- hard requests ----

UNRESERVED = string.ascii_letters + string.digits + "-._~"
RAW_IN_QUERY = UNRESERVED + ";:,*@!()/?'$"  # what oauthlib takes unescaped; `=` `&` `+` `%` have meanings of their own
RAW_IN_PATH = UNRESERVED + "!$&'()*+,;=:@/[]{}|^"
TEXT = "abyzABYZ0189-._~ +%&=;:,*@!()/?'$\"#<>[]\\^`{|}\t\r\n\x01\x7f"
TEXT += "\u00e4\u00df\u0416\u20ac\u4e2d\u202e\ufeff\ufffd\U0001f510\U0010ffff"
# Few and close to each other, so that repeated names and the order of sorting matter. A name that sorts by its encoded
# bytes stands elsewhere than by its decoded ones: `~` (0x7E, raw) comes after `\u00e4` (%C3%A4), `a` before `a b`.
# fmt: off
NAMES = [
    "a", "A", "a b", "a+", "a=", "a&", "a%41", "a~", "a\u00e4", "a-", "a.", "a0",
    "", "b", "b[0]", "oauth", "oauthx", "xoauth_a", "Oauth_nonce", "realm",
]
HOSTS = [
    "example.com", "EXAMPLE.com", "a", "A-b_c.Example.ORG.", "xn--bcher-kva.example",
    "127.0.0.1", "192.168.0.254", "[::1]", "[2001:DB8::A]", "[fe80::1:0:2]",
]
# fmt: on
CONSUMER_KEYS = ["www.google.com", "jira:0c6b5a5e-5fb8-4a8e", "Confluence:5413647675", "a b+c", "cl\u00e9/\U0001f511", "k&k=k", "~-._"]


class Generator:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def requests(self, count: int) -> Iterator[dict]:
        for _ in range(count):
            yield self.request()

    def request(self) -> dict:
        scheme, host, path = self.one("http", "https"), self.host(), self.path()
        method = self.one("GET", "GET", "POST", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
        query = self.pairs() if self.chance(0.8) else []
        content_type, body = self.content(method)
        is_form = content_type is not None and content_type.lower().startswith(FORM)

        # Each oauth_ parameter once, wherever it stands.
        placement = self.one("header", "header", "query", "body" if is_form else "header", "mixed")
        in_header: list[tuple[str, str]] = []
        form: list[str] = []
        for name, value in self.oauth_parameters():
            place = self.one("header", "query", "body" if is_form else "query") if placement == "mixed" else placement
            if place == "header":
                in_header.append((name, value))
            else:
                raw = f"{self.escaped(name, UNRESERVED, often_raw=True)}={self.escaped(value.replace('%', ''), RAW_IN_QUERY)}"
                target_list = query if place == "query" else form
                target_list.insert(self.random.randint(0, len(target_list)), raw)
        if is_form:
            body = "&".join(filter(None, [body, *form]))

        search = "?" + "&".join(query) if query or self.chance(0.1) else ""
        request = {
            "method": method,
            "url": f"{scheme}://{host}{path}{search}",
            "scheme": scheme,
            "host": host,
            "target": (path or "/") + search,  # a client sends an empty path as `/`
            "authorization": self.authorization(in_header) if in_header else None,
            "content_type": content_type,
            "body": body,
            "placement": placement,
        }
        return request | answer(request)

    def host(self) -> str:
        return self.one(*HOSTS) + self.one("", "", ":80", ":443", ":8080", ":1", ":65535")

    def path(self) -> str:
        if self.chance(0.1):
            return ""
        path = "/" + "".join(
            self.escape(self.one(*TEXT)) if self.chance(0.3) else self.one(*RAW_IN_PATH) for _ in range(self.random.randint(0, 12))
        )
        if self.chance(0.1):
            path += self.one("/../x", "/./", "//", "/%2e%2E/", "/%2f", "/%7e", "/%7E", "/;a=1;b", "/%C3%a4")
        return path + "x" if path.endswith(";") else path

    def content(self, method: str) -> tuple[str | None, str | None]:
        """A form more often than not where a body is usual; else a body that only looks like one, or none."""
        if self.chance(0.6 if method in ("POST", "PUT", "PATCH") else 0.1):
            content_type = self.one(FORM, FORM, f"{FORM};charset=UTF-8", f"{FORM.upper()} ; charset=utf-8")
            return content_type, "&".join(self.pairs()) if self.chance(0.8) else ""
        if self.chance(0.3):
            return self.one("text/plain", "application/json", f"text/plain; x={FORM}", f"{FORM}x"), "&".join(self.pairs())
        return None, None

    def pairs(self) -> list[str]:
        return [self.pair() for _ in range(self.random.randint(0, 6))]

    def pair(self) -> str:
        if self.chance(0.05):
            return ""  # `a&&b`
        name = self.escaped(self.one(*NAMES) if self.chance(0.8) else self.text(), RAW_IN_QUERY)
        kind = self.random.random()
        if kind < 0.1:
            return name
        if kind < 0.2:
            return f"{name}="
        value = self.one("1", "2", "10", "a", "A", " ") if kind < 0.4 else self.text()
        return f"{name}={self.escaped(value, RAW_IN_QUERY + '=')}"

    def oauth_parameters(self) -> list[tuple[str, str]]:
        parameters = [
            ("oauth_consumer_key", self.one(*CONSUMER_KEYS)),
            ("oauth_nonce", "".join(self.one(*"abcXYZ0189-._~+/=") for _ in range(self.random.randint(1, 32)))),
            ("oauth_timestamp", str(self.random.randint(1, 4_000_000_000))),
            ("oauth_signature_method", "RSA-SHA1"),
            ("oauth_signature", "c2lnbmF0dXJl+/8="),
        ]
        optional = [
            ("oauth_version", "1.0"),
            ("oauth_token", self.one("", "kkk9d7dh3k39sjv7")),
            ("oauth_verifier", "hfdp7dh39dks9884"),
            ("oauth_callback", self.one("oob", "https://a.example/ready?x=1&y=%C3%A4", "")),
            ("oauth_unknown", self.text()),
        ]
        parameters += [parameter for parameter in optional if self.chance(0.4)]
        self.random.shuffle(parameters)
        return parameters

    def authorization(self, parameters: list[tuple[str, str]]) -> str:
        parts = [f'{name}="{self.escaped(value, UNRESERVED + "+/=:", space=" %20")}"' for name, value in parameters]
        if self.chance(0.3):
            parts.insert(self.one(0, len(parts)), self.one('realm=""', 'realm="Photos"', 'realm="http://a.example/b, c=d"'))
        if self.chance(0.1):
            parts.append('xoauth_requestor_id="alice"')
        return self.one("OAuth ", "OAuth ", "oauth ", "OAUTH  ") + self.one(", ", ",", " ,  ", ",\t").join(parts)

    def text(self) -> str:
        return "".join(self.one(*TEXT) for _ in range(self.random.randint(0, 12)))

    def escaped(self, text: str, raw: str, space: str = "+ %20", often_raw: bool = False) -> str:
        """Each character raw where that is allowed, or escaped, in upper or lower case: all of it means the same."""
        spaces = [encoded for encoded in space.split(" ") if encoded]
        escape_share = 0.03 if often_raw else 0.3
        return "".join(
            self.one(*spaces)
            if character == " "
            else character
            if character in raw and not self.chance(escape_share)
            else self.escape(character)
            for character in text
        )

    def escape(self, character: str) -> str:
        escaped = "".join(f"%{byte:02X}" for byte in character.encode())
        return escaped.lower() if self.chance(0.3) else escaped

    def one(self, *choices: Any) -> Any:
        return self.random.choice(choices)

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--generate", type=int, metavar="N")
    parser.add_argument("--seed", type=int, default=1, metavar="S")
    arguments = parser.parse_args()
    if arguments.generate is None:
        answers: Iterator[dict] = (answer(json.loads(line)) for line in sys.stdin if line.strip())
    else:
        answers = Generator(arguments.seed).requests(arguments.generate)
    for line in answers:
        print(json.dumps(line))


if __name__ == "__main__":
    main()
