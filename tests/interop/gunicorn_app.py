"""A WSGI application in gunicorn: prints its port, then writes a line `METHOD target` to the file RECORD for each request.

Run as: gunicorn_app.py RECORD
"""

import sys

from gunicorn.app.base import BaseApplication


def application(environ, start_response):
    with open(sys.argv[1], "a", encoding="utf-8") as record:
        record.write(f"{environ['REQUEST_METHOD']} {environ['RAW_URI']}\n")
    environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]


def say_port(server):
    print(server.LISTENERS[0].sock.getsockname()[1], flush=True)


class Server(BaseApplication):
    def load_config(self):
        # Threads, because only they keep connections: a smuggled request needs one that goes on.
        settings = {"bind": "127.0.0.1:0", "worker_class": "gthread", "workers": 1, "threads": 4, "when_ready": say_port}
        # The control socket would be a file outside the test's folder.
        settings["control_socket_disable"] = True
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self):
        return application


Server().run()
