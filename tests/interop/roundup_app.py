#!/usr/bin/env python3
"""A real application behind the gateway: a fresh Roundup issue tracker, unmodified, that takes its user from a header.

Creates a tracker (classic template, SQLite) with the users admin, alice and bob in HOME, which must not exist, and serves it
through Roundup's own WSGI handler. Prints its port on the first line. Roundup is told with its own setting
`http_auth_header` to believe the gateway's X-Forwarded-User; it knows nothing of OAuth. Each access is written to
HOME.accesses before Roundup sees it, as JSON: method, path, user header. Clients of Jira ask `/rest/api/2/myself` who they are:
that endpoint is added in the way that Roundup has for trackers' own.

usage: roundup_app.py HOME
"""

import contextlib
import json
import secrets
import signal
import socketserver
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import roundup.admin
import roundup.instance
from roundup import password
from roundup.cgi.wsgi_handler import RequestDispatcher
from roundup.rest import RestfulInstance, Routing

# Roundup compares Origin and Referer with its public address: a fixed one, so that it need not know the gateway's port.
TRACKER_WEB = "http://tracker.example/"
SETTINGS = {
    "tracker_web": TRACKER_WEB,
    "mail_domain": "tracker.example",
    "mail_host": "localhost",
    "web_http_auth": "yes",
    "web_http_auth_header": "HTTP_X_FORWARDED_USER",
}


@Routing.route("/api/2/myself")
def myself(instance: RestfulInstance, input_payload: object) -> dict[str, str]:
    """Who Roundup itself takes the caller for."""
    return {"name": instance.db.user.get(instance.db.getuid(), "username")}


def create_tracker(home: Path) -> None:
    settings = ",".join(f"{name}={value}" for name, value in SETTINGS.items())
    with contextlib.redirect_stdout(sys.stderr):  # it prints advice; our first line is the port
        failed = roundup.admin.AdminTool().do_install(str(home), ["install", "classic", "sqlite", settings])
    if failed:
        raise SystemExit("roundup could not install a tracker")
    # This detector mails everyone interested in an issue, and there is no mail here. Taking detectors away is configuration.
    (home / "detectors" / "nosyreaction.py").unlink()

    # Nobody signs in with a password: the gateway says who it is.
    tracker = roundup.instance.open(str(home))
    tracker.init(password.Password(secrets.token_hex(), config=tracker.config))
    database = tracker.open("admin")
    for name in ["alice", "bob"]:
        database.user.create(username=name, realname=name.title(), roles="User", address=f"{name}@tracker.example")
    database.commit()
    database.close()


def counted(application: WSGIApplication, accesses: TextIO) -> WSGIApplication:
    def count(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        access = {"method": environ["REQUEST_METHOD"], "path": environ["PATH_INFO"], "user": environ.get("HTTP_X_FORWARDED_USER")}
        print(json.dumps(access), file=accesses, flush=True)
        return application(environ, start_response)

    return count


class ThreadingServer(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True


class QuietHandler(WSGIRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        pass  # the file of accesses is the log


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    home = Path(sys.argv[1]).absolute()
    create_tracker(home)
    with open(f"{home}.accesses", "a", encoding="utf-8") as accesses:
        application = counted(RequestDispatcher(str(home)), accesses)
        server = make_server("127.0.0.1", 0, application, server_class=ThreadingServer, handler_class=QuietHandler)
        print(server.server_port, flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
