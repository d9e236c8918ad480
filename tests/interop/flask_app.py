#!/usr/bin/env python3
"""A real application behind the gateway that signs people in itself: Flask with Flask-Login, and a session in its own cookie.

Has the users alice and bob, with the password of the tests. Who is signed in is what it answers at /session, in JSON (401 for
nobody), and what the header X-AUSERNAME of every answer says, `anonymous` for nobody. Of a signed request's user it believes the
gateway: /rest/me says what X-Forwarded-User has. Prints its port on the first line, and writes each access to RECORD before it
answers, as JSON: method, path, cookies' names, user.

usage: flask_app.py RECORD
"""

import json
import secrets
import signal
import sys
from urllib.parse import urljoin, urlsplit

from flask import Flask, Response, jsonify, redirect, render_template_string, request, url_for
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user, logout_user
from werkzeug.serving import make_server

PASSWORD = "correct horse battery"
PAGE = """<!doctype html><html lang="en"><title>{{ title }}</title><main><h1>{{ title }}</h1>
{% if error %}<p>{{ error }}</p>{% endif %}
{% if form %}<form method="post"><label>User <input id="username" name="username"></label>
<label>Password <input id="password" name="password" type="password"></label><button>Log in</button></form>{% endif %}</main></html>"""

app = Flask(__name__)
app.secret_key = secrets.token_bytes(32)
logins = LoginManager(app)
logins.login_view = "login"


class User(UserMixin):
    def __init__(self, name: str) -> None:
        self.id = name


@logins.user_loader
def load_user(name: str) -> User | None:
    return User(name) if name in ("alice", "bob") else None


@app.before_request
def record() -> None:
    access = {"method": request.method, "path": request.path, "cookies": list(request.cookies), "user": request.headers.get("X-Forwarded-User")}
    print(json.dumps(access), file=accesses, flush=True)


@app.after_request
def name_the_user(response: Response) -> Response:
    response.headers["X-AUSERNAME"] = current_user.get_id() or "anonymous"
    return response


@app.get("/")
@login_required
def home() -> str:
    return render_template_string(PAGE, title=f"Hello {current_user.id}")


@app.route("/login", methods=["GET", "POST"])
def login() -> str | Response:
    user = load_user(request.form.get("username", ""))
    if user and request.form["password"] == PASSWORD:
        login_user(user)
        return redirect(own(request.args.get("next", "")) or url_for("home"))
    return render_template_string(PAGE, title="Log in to the application", form=True, error="Wrong." if request.form else "")


@app.post("/logout")
def logout() -> Response:
    logout_user()
    return redirect(url_for("login"))


@app.get("/session")
def session() -> tuple[Response, int]:
    if current_user.is_authenticated:
        return jsonify(session={"user": {"name": current_user.id}}), 200
    return jsonify(error="nobody is signed in"), 401


@app.get("/rest/me")
def me() -> Response:
    return jsonify(name=request.headers.get("X-Forwarded-User"), cookies=list(request.cookies))


def own(target: str) -> str | None:
    """A URL of this site, as Flask's documentation has it: else a link could lead from here to anywhere."""
    there = urlsplit(urljoin(request.host_url, target))
    return target if target and there.scheme in ("http", "https") and there.netloc == urlsplit(request.host_url).netloc else None


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with open(sys.argv[1], "a", encoding="utf-8") as accesses:
        server = make_server("127.0.0.1", 0, app, threaded=True)
        print(server.server_port, flush=True)
        server.serve_forever()
