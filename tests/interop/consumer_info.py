#!/usr/bin/env python3
"""An application that publishes itself as an OAuth consumer, well and in every bad way that there is.

usage: consumer_info.py --public-key KEY.pub [--certificate C.pem --key K.pem]; prints its port

The first segment of the path is the context path of an application that behaves as it is called; `/jira` behaves well.
"""

import argparse
import gzip
import os
import ssl
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.sax.saxutils import escape

ENDPOINT = "/plugins/servlet/oauth/consumer-info"
# For each bad application, so that none outlives its test for long.
SECONDS = 30
# Made before the first import, which has only five seconds. A file of gzip may have several members, one after the other.
BOMB = gzip.compress(b"<!-- x -->" * 100_000, 9) * 100
ATTRIBUTES = "".join(f" a{n}=''" for n in range(1_000_000))


def document(public_key: str, name: str = "JIRA", head: str = "", inside: str = "") -> bytes:
    """As Jira serves it: one line, the key in base64 without armour."""
    fields = {
        "key": "jira:6a3a3d9e-7a0f-4b37-a2b5-b8f0a4b1d2c3",
        "name": name,
        "publicKey": "".join(line for line in public_key.splitlines() if not line.startswith("-")),
        "description": "Atlassian JIRA at https://jira.example.com",
        "callback": "https://jira.example.com/plugins/servlet/oauth/callback",
    }
    elements = "".join(f"<{field}>{value if '&' in value else escape(value)}</{field}>" for field, value in fields.items())
    return f'<?xml version="1.0" encoding="UTF-8"?>{head}<consumer{inside}>{elements}</consumer>'.encode()


class Application(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    public_key = ""

    def do_GET(self) -> None:
        context, _, rest = self.path.lstrip("/").partition("/")
        behave = getattr(self, f"as_{context.replace('-', '_')}", None)
        if behave is None or not f"/{rest}".endswith(ENDPOINT):
            self.answer(b"not here", status=404, content_type="text/plain")
            return
        try:
            behave(rest.removesuffix(ENDPOINT.lstrip("/")).rstrip("/"))
        except OSError:
            # The other side had enough.
            self.close_connection = True

    def answer(self, body: bytes, status: int = 200, content_type: str = "application/xml;charset=UTF-8", **fields: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def without_length(self, **fields: str) -> None:
        """The head of a body that ends with the connection."""
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "application/xml")
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def as_jira(self, _rest: str) -> None:
        self.answer(document(self.public_key))

    def as_chunked(self, _rest: str) -> None:
        self.without_length(Transfer_Encoding="chunked")
        for byte in document(self.public_key):
            self.wfile.write(b"1\r\n%c\r\n" % byte)
        self.wfile.write(b"0\r\n\r\n")

    def as_redirect(self, rest: str) -> None:
        """/redirect/HEX leads to the URL that the hexadecimal digits stand for."""
        self.answer(b"", status=302, Location=bytes.fromhex(rest).decode())

    def as_loop(self, _rest: str) -> None:
        self.answer(b"", status=307, Location=self.path)

    def as_moved(self, _rest: str) -> None:
        self.answer(b"", status=301, Location=f"/jira{ENDPOINT}")

    def as_stalled(self, _rest: str) -> None:
        time.sleep(SECONDS)

    def as_stalled_head(self, _rest: str) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: app")
        time.sleep(SECONDS)

    def as_stalled_body(self, _rest: str) -> None:
        self.without_length()
        self.wfile.write(document(self.public_key)[:50])
        time.sleep(SECONDS)

    def as_dripping(self, _rest: str) -> None:
        """Always some progress, and never enough of it."""
        self.without_length()
        for byte in document(self.public_key):
            self.wfile.write(bytes([byte]))
            time.sleep(0.1)

    def as_endless(self, _rest: str) -> None:
        self.without_length()
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            self.wfile.write(b"<!-- more -->" * 1000)

    def as_endless_head(self, _rest: str) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            self.wfile.write(b"X-More: " + b"x" * 8000 + b"\r\n")

    def as_huge(self, _rest: str) -> None:
        self.without_length(Content_Length="1000000000000")
        self.wfile.write(document(self.public_key))

    def as_gzip(self, _rest: str) -> None:
        """A bomb: some hundred times as large when it is unpacked."""
        self.answer(BOMB, Content_Encoding="gzip")

    def as_gzip_transfer(self, _rest: str) -> None:
        self.without_length(Transfer_Encoding="gzip, chunked")
        packed = gzip.compress(document(self.public_key))
        self.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(packed), packed))

    def as_doctype(self, _rest: str) -> None:
        self.answer(document(self.public_key, head="<!DOCTYPE consumer>"))

    def as_external(self, _rest: str) -> None:
        head = '<!DOCTYPE consumer [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
        self.answer(document(self.public_key, name="&x;", head=head))

    def as_laughs(self, _rest: str) -> None:
        lines = "".join(f'<!ENTITY x{n} "{f"&x{n - 1};" * 10 if n else "ha"}">' for n in range(10))
        self.answer(document(self.public_key, name="&x9;", head=f"<!DOCTYPE consumer [{lines}]>"))

    def as_entity(self, _rest: str) -> None:
        self.answer(document(self.public_key, name="&x;"))

    def as_attributes(self, _rest: str) -> None:
        self.without_length()
        self.wfile.write(document(self.public_key, inside=ATTRIBUTES))

    def as_attributes_within(self, _rest: str) -> None:
        """As many as fit into the megabyte: each would be compared with each."""
        self.answer(document(self.public_key, inside=ATTRIBUTES[:900_000].rsplit(" ", 1)[0]))

    def as_deep(self, _rest: str) -> None:
        self.answer(b"<a>" * 300_000)

    def as_login(self, _rest: str) -> None:
        self.answer(b"<!DOCTYPE html><html><form>Log in</form></html>", content_type="text/html;charset=UTF-8")

    def as_login_redirect(self, _rest: str) -> None:
        self.answer(b"", status=302, Location="/login.jsp?os_destination=%2F")

    def as_forbidden(self, _rest: str) -> None:
        self.answer(b"no", status=401, content_type="text/plain", WWW_Authenticate="Basic realm=x")

    def as_broken(self, _rest: str) -> None:
        self.answer(b"oops, secret-of-the-inside", status=500, content_type="text/plain")

    def as_text(self, _rest: str) -> None:
        self.answer(b"secret-of-the-inside", content_type="text/plain")

    def as_no_key(self, _rest: str) -> None:
        self.answer(document("").replace(b"<publicKey></publicKey>", b""))

    def as_odd_key(self, _rest: str) -> None:
        self.answer(document("Zm9vYmFy"))

    def as_private_key(self, _rest: str) -> None:
        with open(os.path.join(os.path.dirname(__file__), "../data/keys/rsa-2048-b.pem"), encoding="ascii") as file:
            self.answer(document("").replace(b"<publicKey></publicKey>", f"<publicKey>{file.read()}</publicKey>".encode()))

    def as_published_key(self, _rest: str) -> None:
        with open(os.path.join(os.path.dirname(__file__), "../data/keys/atlassian-tutorial.pub"), encoding="ascii") as file:
            self.answer(document(file.read()))

    def as_terminal(self, _rest: str) -> None:
        """Names that would change what stands on the screen."""
        self.answer(document(self.public_key, name="JI\u202eRA"))

    def as_script(self, _rest: str) -> None:
        self.answer(document(self.public_key).replace(b"https://jira.example.com/plugins/servlet/oauth/callback", b"javascript:alert(1)"))

    def log_message(self, *_arguments: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that trust no stranger end the handshake; that is what the tests are about."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--public-key", required=True)
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    arguments = parser.parse_args()
    with open(arguments.public_key, encoding="ascii") as file:
        Application.public_key = file.read()
    server = Server(("127.0.0.1", 0), Application)
    if arguments.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(arguments.certificate, arguments.key)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
