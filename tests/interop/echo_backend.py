#!/usr/bin/env python3
"""The application behind the gateway: says what reached it, and nothing else.

Prints its port on the first line. Every request is answered with JSON: method, raw target, headers as a list of pairs in
the order received, body as base64; and is written to the record file *before* the answer, so that whoever holds a refusal
in hand can be sure that a line is missing because nothing came. Below /rest/api/2/ it answers as a small Jira does: the
`jira` client will not start without that.

usage: echo_backend.py RECORD_FILE
"""

import base64
import json
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TextIO
from urllib.parse import parse_qs


class Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keep-alive, as real backends have it
    wbufsize = -1  # head and body in one segment: two would wait for a delayed ACK, 40 ms a request
    record: TextIO
    record_lock = threading.Lock()

    def answer(self) -> None:
        seen = {
            "method": self.command,
            "target": self.raw_target(),
            "headers": [list(pair) for pair in self.headers.items()],
            "body": base64.b64encode(self.read_body()).decode(),
        }
        with self.record_lock:
            print(json.dumps(seen), file=self.record, flush=True)
        status, answer = jira_answer(seen, self.headers) or (200, seen)
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer

    def raw_target(self) -> str:
        # Not self.path: http.server folds `//a` to `/a` in it, and the raw bytes are what a test is about.
        return self.raw_requestline.split(b" ")[1].decode("latin-1")

    def read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass  # trailers
        return body

    def log_message(self, format: str, *args: Any) -> None:
        pass  # the record file is the log


def jira_answer(seen: dict[str, Any], headers: Any) -> tuple[int, Any] | None:
    """What the `jira` client asks for: on construction, on creating an issue, on reading and on searching."""
    path, _, query = seen["target"].partition("?")
    if not path.startswith("/rest/api/2/"):
        return None
    issue = {"id": "1", "key": "DEMO-1", "fields": {"summary": "stand-in"}}
    match seen["method"], path.removeprefix("/rest/api/2/"):
        case "GET", "myself":
            return 200, {"name": headers.get("X-OAuth-Consumer")}
        case "GET", "serverInfo":
            return 200, {"versionNumbers": [9, 12, 0], "deploymentType": "Server"}
        case "GET", "field":
            return 200, [{"id": "summary", "name": "Summary", "clauseNames": ["summary"]}]
        case "POST", "issue":
            return 201, issue
        case "GET", "issue/DEMO-1":
            return 200, issue
        case "GET", "search":
            issue["fields"]["summary"] = parse_qs(query)["jql"][0]
            return 200, {"startAt": 0, "maxResults": 50, "total": 1, "issues": [issue]}
        case _:
            return 404, {"errorMessages": ["the stand-in does not know this"]}


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with open(sys.argv[1], "a", encoding="utf-8") as Echo.record:
        server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
        server.daemon_threads = True  # a kept-alive connection must not keep the process
        print(server.server_port, flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
