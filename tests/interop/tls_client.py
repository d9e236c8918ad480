#!/usr/bin/env python3
"""Clients of a TLS listener: requests-oauthlib as its users call it, and a steady load.

usage: tls_client.py signed --url https://HOST:PORT --ca CA.pem --consumer KEY=PRIVATE.pem
       tls_client.py load --port PORT --ca CA.pem --path /PATH --threads N
"""

import argparse
import http.client
import json
import ssl
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import requests
from oauthlib.oauth1 import SIGNATURE_RSA
from requests_oauthlib import OAuth1

TIMEOUT = 30


def signed(arguments: argparse.Namespace) -> dict[str, Any]:
    """Sends a query and a form, each signed for https, and then once for http."""
    key, _, path = arguments.consumer.partition("=")
    auth = OAuth1(key, signature_method=SIGNATURE_RSA, rsa_key=Path(path).read_text(encoding="ascii"))
    with requests.Session() as session:
        session.verify = arguments.ca
        session.trust_env = False
        got = session.get(f"{arguments.url}/get", params={"q": "a b+c"}, auth=auth, timeout=TIMEOUT)
        posted = session.post(f"{arguments.url}/post", data={"q": "\u00e4&="}, auth=auth, timeout=TIMEOUT)
        # Signed as if the gateway were spoken to in clear text, and sent over TLS.
        request = requests.Request("GET", f"{arguments.url}/get".replace("https:", "http:"), auth=auth).prepare()
        request.url = request.url.replace("http:", "https:")
        crossed = session.send(request, timeout=TIMEOUT)
    return {"get": got.status_code, "post": posted.status_code, "crossed": crossed.status_code, "why": crossed.text}


class Load:
    """Threads that open a connection for each request, and one that keeps its connection."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments = arguments
        self.context = ssl.create_default_context(cafile=arguments.ca)
        self.stop = threading.Event()
        self.lock = threading.Lock()
        self.serials: Counter[str] = Counter()
        self.failures: list[str] = []
        self.kept = 0
        self.kept_serial = ""

    def connect(self) -> http.client.HTTPSConnection:
        connection = http.client.HTTPSConnection(
            "localhost", self.arguments.port, context=self.context, timeout=TIMEOUT
        )
        connection.connect()
        return connection

    def ask(self, connection: http.client.HTTPSConnection) -> str:
        serial = connection.sock.getpeercert()["serialNumber"]
        connection.request("GET", self.arguments.path)
        response = connection.getresponse()
        response.read()
        if response.status != 200:
            raise RuntimeError(f"status {response.status}")
        return serial

    def fresh(self) -> None:
        while not self.stop.is_set():
            try:
                connection = self.connect()
                serial = self.ask(connection)
                connection.close()
            except Exception as error:  # noqa: BLE001: whatever it is, it is a failed request
                with self.lock:
                    self.failures.append(f"new connection: {error!r}")
            else:
                with self.lock:
                    self.serials[serial] += 1

    def keeping(self) -> None:
        try:
            connection = self.connect()
            self.kept_serial = connection.sock.getpeercert()["serialNumber"]
            while not self.stop.wait(0.01):
                if connection.sock is None:
                    raise RuntimeError("the connection was closed")
                self.ask(connection)
                self.kept += 1
        except Exception as error:  # noqa: BLE001
            with self.lock:
                self.failures.append(f"kept connection: {error!r}")

    def run(self) -> dict[str, Any]:
        threads = [threading.Thread(target=self.fresh) for _ in range(self.arguments.threads)]
        threads.append(threading.Thread(target=self.keeping))
        for thread in threads:
            thread.start()
        print("running", flush=True)
        sys.stdin.read()
        self.stop.set()
        for thread in threads:
            thread.join()
        return {
            "serials": self.serials,
            "failures": self.failures[:10],
            "kept": self.kept,
            "kept_serial": self.kept_serial,
        }


def main() -> None:
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("signed")
    one.add_argument("--url", required=True)
    one.add_argument("--ca", required=True)
    one.add_argument("--consumer", required=True)
    one.set_defaults(run=signed)
    many = commands.add_parser("load")
    many.add_argument("--port", type=int, required=True)
    many.add_argument("--ca", required=True)
    many.add_argument("--path", required=True)
    many.add_argument("--threads", type=int, required=True)
    many.set_defaults(run=lambda arguments: Load(arguments).run())
    arguments = parser.parse_args()
    print(json.dumps(arguments.run(arguments)), flush=True)


if __name__ == "__main__":
    main()
