"""A real browser makes the first administrator, signs out and in, and meets a page that means harm.

    chromium.py BASE_URL SET_UP_LINK WIDTH

Speaks to chromedriver by WebDriver. Prints JSON: what was seen at each step.
"""

import contextlib
import http.server
import json
import sys
import threading

from webdriver import ELEMENT, Browser, running_driver

BASE, LINK = sys.argv[1], sys.argv[2]
PASSWORD = "correct horse battery"


class Foreign(http.server.BaseHTTPRequestHandler):
    """Another site on this machine, whose page sends a form of ours and shows a page of ours in a frame."""

    def do_GET(self):
        page = f"""<!doctype html><title>foreign</title>
            <form method="post" action="{BASE}/sign-out"><input name="csrf" value="guessed"><button id="go">Win a prize</button></form>
            <iframe id="frame" src="{BASE}/account"></iframe>"""
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(page.encode())

    def log_message(self, *_):
        pass


def visit(browser, foreign):
    seen = {"too_wide": []}

    def note(step, words):
        browser.wait_for(words)
        seen[step] = browser.path()
        if browser.is_too_wide():
            seen["too_wide"].append(step)

    browser.open(LINK)
    note("link", "Nobody can sign in to this gateway yet")
    browser.fill(name="ada", password="short", again="short")
    browser.click("main button")
    note("short_password", "has 5 characters, and needs at least 15")
    browser.fill(password=PASSWORD, again=PASSWORD)
    browser.click("main button")
    browser.wait_until(lambda: browser.path() == "/", "the first page")
    browser.open("/account")
    note("account", "You are signed in as ada")
    seen["complaints"] = browser.complaints()

    browser.open(foreign)
    browser.call("POST", "/frame", {"id": {ELEMENT: browser.find("#frame").removeprefix("/element/")}})
    seen["framed"] = browser.text()
    browser.call("POST", "/frame", {"id": None})
    browser.click("#go")
    browser.wait_for("this came from another site's page")
    browser.open("/account")
    note("after_foreign_form", "You are signed in as ada")

    browser.click(".account button")
    note("signed_out", "No account, or the password is lost?")
    browser.open("/account")
    note("sent_to_sign_in", "No account, or the password is lost?")
    browser.fill(name="ada", password=PASSWORD)
    browser.click("main button")
    note("back", "You are signed in as ada")
    return seen


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Foreign)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with running_driver() as driver, contextlib.closing(Browser(driver, BASE, int(sys.argv[3]))) as browser:
        print(json.dumps(visit(browser, f"http://127.0.0.1:{server.server_address[1]}/")))


main()
