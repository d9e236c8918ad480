"""What users do in a real browser while a client, on requests-oauthlib or another's, dances; and what the pages look like.

    people.py BASE PRIVATE.pem allow
    people.py BASE PRIVATE.pem roundup form|proxy
    people.py BASE PRIVATE.pem application
    people.py BASE PRIVATE.pem harm CONSUMERS
    people.py BASE PRIVATE.pem look AXE_FILE

Speaks to chromedriver by WebDriver. Prints JSON: what was seen; with `allow` a line at each step, after which a line is waited for.
"""

import contextlib
import http.server
import json
import pathlib
import sys
import threading

from oauthlib.oauth1 import SIGNATURE_RSA
from requests_oauthlib import OAuth1Session
from requests_oauthlib.oauth1_session import TokenRequestDenied
from roundup_client import ROUNDUP_HEADERS
from webdriver import ELEMENT, Browser, running_driver

BASE, KEY_FILE, WHAT, *MORE = sys.argv[1:]
OAUTH = "/plugins/servlet/oauth"
USER_TOKENS = f"{OAUTH}/users/access-tokens"
PASSWORD = "correct horse battery"


class Callback(http.server.BaseHTTPRequestHandler):
    """The client's own site, to which users are sent back; and one that means harm to them."""

    def do_GET(self):
        if self.path.startswith("/moved"):  # to where the same site has another name
            self.send_response(302)
            self.send_header("location", f"http://localhost:{self.server.server_address[1]}{self.path.replace('moved', 'callback')}")
            self.end_headers()
            return
        page = "<p>Thank you."
        if self.path.startswith("/harm?"):
            consent = self.path.partition("?")[2]
            page = f"""<form method="post" action="{consent}"><input name="oauth_token" value="{consent.partition("=")[2]}">
                <input name="csrf" value="guessed"><button id="go" name="decision" value="allow">Win a prize</button></form>
                <iframe id="frame" src="{consent}"></iframe>"""
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(f"<!doctype html><title>reports</title>{page}".encode())

    def log_message(self, *_):
        pass


class Client:
    """A consumer that wants to act as somebody."""

    def __init__(self, consumer, callback):
        key = pathlib.Path(KEY_FILE).read_text(encoding="ascii")
        self.session = OAuth1Session(consumer, signature_method=SIGNATURE_RSA, rsa_key=key, callback_uri=callback)
        self.session.trust_env = False
        self.session.fetch_request_token(f"{BASE}{OAUTH}/request-token")
        self.consent = self.session.authorization_url(f"{BASE}{OAUTH}/authorize")

    def gets_its_token(self, returned_to):
        self.session.parse_authorization_response(returned_to)
        try:
            return self.session.fetch_access_token(f"{BASE}{OAUTH}/access-token")
        except TokenRequestDenied as denied:
            return denied.response.text


def sign_in(browser, user):
    browser.fill(name=user, password=PASSWORD)
    browser.click("main button")


def decide(browser, decision):
    browser.wait_until(lambda: browser.find("button[name=decision]"), "the page that asks for consent")
    page = browser.text()
    browser.click(f"button[name=decision][value={decision}]")
    return page


def arrive(browser, callback):
    browser.wait_until(lambda: browser.path().startswith(callback), "the client's page")
    browser.wait_for("Thank you.")
    return browser.path()


def as_proxy_knows(url, user):
    """The URL with the credentials that the proxy asks for."""
    return url.replace("http://", f"http://{user}:{PASSWORD.replace(' ', '%20')}@")


def creates_an_issue(session):
    """The status, and whom Roundup names as the creator."""
    created = session.post(f"{BASE}/rest/data/issue", headers=ROUNDUP_HEADERS, json={"title": "by a client"})
    if created.status_code != 201:
        return [created.status_code, created.text]
    details = {"@protected": "true", "@verbose": "2"}
    issue = session.get(f"{BASE}/rest/data/issue/{created.json()['data']['id']}", headers=ROUNDUP_HEADERS, params=details)
    return [201, issue.json()["data"]["attributes"]["creator"]["username"]]


def roundup(driver, callback):
    """Alice allows, and takes it back; bob denies."""
    seen = {}
    through_proxy = MORE[0] == "proxy"

    def goes(browser, user, url, is_known=False):
        browser.open(as_proxy_knows(url, user) if through_proxy else url)
        if not through_proxy and not is_known:
            sign_in(browser, user)

    with contextlib.closing(Browser(driver, BASE, 1280)) as alice:
        client = Client("reporting", callback)
        goes(alice, "alice", client.consent)
        seen["asked"] = decide(alice, "allow")
        client.gets_its_token(arrive(alice, callback))
        seen["as_alice"] = creates_an_issue(client.session)

        with contextlib.closing(Browser(driver, BASE, 390)) as bob:
            other = Client("reporting", callback)
            goes(bob, "bob", other.consent)
            decide(bob, "deny")
            returned = arrive(bob, callback)
            seen["denied"] = returned.rpartition("&")[2]
            seen["exchange"] = other.gets_its_token(returned)
            goes(bob, "bob", BASE + USER_TOKENS, is_known=True)
            bob.wait_for("Authorised applications")
            seen["bobs_page"] = bob.text("main")

        seen["as_alice_still"] = creates_an_issue(client.session)
        goes(alice, "alice", BASE + USER_TOKENS, is_known=True)
        alice.wait_for("reporting")
        seen["alices_page"] = alice.text("main")
        alice.click("td .danger")
        alice.wait_for("Revoke the access of")
        alice.click("button.danger")
        alice.wait_for("You have allowed no application")
        seen["revoked"] = creates_an_issue(client.session)
        seen["complaints"] = alice.complaints()
    return seen


def step(what, **more):
    """Says what comes next, and waits for what came of it."""
    print(json.dumps({"step": what, **more}), flush=True)
    return sys.stdin.readline().strip()


def allow(driver, callback):
    """For each line with a user's name and the address that a client leads to, that user allows it; an empty line ends it."""
    step("ready", callback=callback)
    while asked := step("who"):
        user, consent = asked.split()
        with contextlib.closing(Browser(driver, BASE, 1280)) as browser:
            browser.open(consent)
            sign_in(browser, user)
            page = decide(browser, "allow")
            step("returned", page=page, url=arrive(browser, callback))


def application(driver, callback):
    """Alice is not signed in to the application, which asks her to, and leads her back; then she is known."""
    seen = {}
    with contextlib.closing(Browser(driver, BASE, 1280)) as alice:
        client = Client("reporting", callback)
        alice.open(client.consent)
        alice.wait_for("Log in to the application")
        seen["asked_at"] = alice.path()
        alice.fill(username="alice", password=PASSWORD)
        alice.click("button")
        seen["consent"] = decide(alice, "allow")
        client.gets_its_token(arrive(alice, callback))
        seen["me"] = client.session.get(f"{BASE}/rest/me").json()
        # A client's site may lead on, which Chromium asks the page's policy about, too.
        second = Client("reporting", callback.replace("callback", "moved"))
        alice.open(second.consent)
        seen["again"] = decide(alice, "deny")
        arrive(alice, callback.replace("127.0.0.1", "localhost"))
        alice.open(USER_TOKENS)
        alice.wait_for("reporting")
        alice.open("/")
        alice.wait_for("Hello alice")
        seen["complaints"] = alice.complaints()
    return seen


def harm(driver, callback):
    """Consumers whose names and descriptions mean something to some reader; whichever of them runs says so."""
    seen = {"texts": [], "complaints": []}
    with contextlib.closing(Browser(driver, BASE, 1280)) as alice:

        def look():
            assert alice.run("return typeof window.pwned") == "undefined", alice.path()
            seen["texts"].append(alice.text())

        for number in range(int(MORE[0])):
            client = Client(f"harm{number}", callback)
            alice.open(client.consent)
            if number == 0:
                sign_in(alice, "alice")
            alice.wait_until(lambda: alice.find("button[name=decision]"), "the page that asks for consent")
            look()
            decide(alice, "allow")
            client.gets_its_token(arrive(alice, callback))
        alice.open(USER_TOKENS)
        alice.wait_for("Authorised applications")
        look()
        seen["complaints"] = alice.complaints()

        client = Client("harm0", callback)
        alice.open(callback.replace("/callback", f"/harm?{client.consent}"))
        alice.call("POST", "/frame", {"id": {ELEMENT: alice.find("#frame").removeprefix("/element/")}})
        seen["framed"] = alice.text()
        alice.call("POST", "/frame", {"id": None})
        alice.click("#go")
        alice.wait_for("Nothing was changed")
        seen["not_allowed"] = client.gets_its_token(f"{callback}?{client.consent.partition('?')[2]}&oauth_verifier=guessed")
    return seen


def look(driver, callback):
    """Every page, light and dark, on a phone and on a desk: what axe-core finds, and whether it has to be moved sideways."""
    axe, found, pages = pathlib.Path(MORE[0]).read_text(encoding="utf-8"), [], []
    pictures = pathlib.Path(MORE[1]) if len(MORE) > 1 else None
    with contextlib.closing(Browser(driver, BASE, 1280)) as alice:

        def audit(page):
            pages.append(page)
            for scheme in ["light", "dark"]:
                for width in [390, 1280]:
                    alice.emulate(width, scheme)
                    where = f"{page}, {scheme}, {width} pixels"
                    alice.run(axe)
                    for violation in alice.run("return axe.run().then((found) => found.violations)"):
                        nodes = [node["html"] for node in violation["nodes"]]
                        found.append(f"{where}: {violation['id']}: {violation['help']}: {nodes[:3]}")
                    if alice.is_too_wide():
                        found.append(f"{where}: has to be moved sideways")
                    if pictures:
                        alice.photograph(pictures / f"{page}-{scheme}-{width}.png".replace(" ", "-"))

        def consents(callback):
            client = Client("reporting", callback)
            alice.open(client.consent)
            return client

        consents(callback)
        audit("sign-in")
        alice.fill(name="alice", password="wrong")
        alice.click("main button")
        alice.wait_for("do not belong together")
        audit("wrong password")
        sign_in(alice, "alice")
        alice.wait_until(lambda: alice.find("button[name=decision]"), "the page that asks for consent")
        audit("consent")
        alice.open(USER_TOKENS)
        alice.wait_for("Authorised applications")
        audit("no applications")
        client = consents(callback)
        decide(alice, "allow")
        client.gets_its_token(arrive(alice, callback))
        alice.open(USER_TOKENS)
        alice.wait_for("reporting")
        audit("applications")
        alice.click("td .danger")
        alice.wait_for("Revoke the access of")
        audit("revocation")
        consents("oob")
        audit("consent without a callback")
        decide(alice, "allow")
        alice.wait_until(lambda: alice.find("#verifier"), "the code")
        audit("code")
        consents("oob")
        decide(alice, "deny")
        alice.wait_for("Access denied")
        audit("denied")
        alice.open(f"{OAUTH}/authorize?oauth_token=nobodys")
        audit("no such token")
        return {"found": found, "pages": pages, "complaints": alice.complaints()}


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Callback)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    callback = f"http://127.0.0.1:{server.server_address[1]}/callback"
    with running_driver() as driver:
        parts = {"allow": allow, "roundup": roundup, "application": application, "harm": harm, "look": look}
        print(json.dumps(parts[WHAT](driver, callback)))


main()
