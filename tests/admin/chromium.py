"""A real browser makes the first administrator, signs out and in, and meets a page that means harm.

    chromium.py BASE_URL SET_UP_LINK WIDTH

Speaks to chromedriver by WebDriver. Prints JSON: what was seen at each step.
"""

import http.server
import json
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

BASE, LINK = sys.argv[1], sys.argv[2]
PASSWORD = "correct horse battery"
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # WebDriver, section 11: how elements are named


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


class Browser:
    def __init__(self, driver, width):
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        options = {
            "args": arguments,
            "mobileEmulation": {"deviceMetrics": {"width": width, "height": 844, "pixelRatio": 1, "mobile": width < 600}},
        }
        always = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        self.driver = driver
        self.session = ""
        answer = self.call("POST", "", {"capabilities": {"alwaysMatch": always}})
        self.session = "/" + answer["sessionId"]

    def call(self, method, path, body=None):
        data = None if method == "GET" else json.dumps(body or {}).encode()
        request = urllib.request.Request(f"{self.driver}/session{self.session}{path}", data=data, method=method)
        request.add_header("content-type", "application/json")
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["value"]

    def open(self, url):
        self.call("POST", "/url", {"url": url})

    def path(self):
        return self.call("GET", "/url").removeprefix(BASE)

    def find(self, selector):
        return "/element/" + self.call("POST", "/element", {"using": "css selector", "value": selector})[ELEMENT]

    def fill(self, **fields):
        for name, text in fields.items():
            self.call("POST", self.find(f"#{name}") + "/value", {"text": text})

    def click(self, selector):
        self.call("POST", self.find(selector) + "/click")

    def text(self, selector="body"):
        return self.call("GET", self.find(selector) + "/text")

    def wait_for(self, words):
        """A click returns before the page that follows is there."""
        self.wait_until(lambda: words in self.text(), words)

    def wait_until(self, is_true, what):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                if is_true():
                    return
            except urllib.error.HTTPError:  # between two pages there is none
                pass
            time.sleep(0.05)
        sys.exit(f"{what!r} did not come; there is: {self.text()!r} at {self.path()}")

    def is_too_wide(self):
        script = "const page = document.documentElement; return page.scrollWidth > page.clientWidth"
        return self.call("POST", "/execute/sync", {"script": script, "args": []})

    def complaints(self):
        lines = self.call("POST", "/se/log", {"type": "browser"})
        return [line["message"] for line in lines if "Content Security Policy" in line["message"]]


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
    browser.open(BASE + "/account")
    note("account", "You are signed in as ada")
    seen["complaints"] = browser.complaints()

    browser.open(foreign)
    browser.call("POST", "/frame", {"id": {ELEMENT: browser.find("#frame").removeprefix("/element/")}})
    seen["framed"] = browser.text()
    browser.call("POST", "/frame", {"id": None})
    browser.click("#go")
    browser.wait_for("this came from another site's page")
    browser.open(BASE + "/account")
    note("after_foreign_form", "You are signed in as ada")

    browser.click(".account button")
    note("signed_out", "No account, or the password is lost?")
    browser.open(BASE + "/account")
    note("sent_to_sign_in", "No account, or the password is lost?")
    browser.fill(name="ada", password=PASSWORD)
    browser.click("main button")
    note("back", "You are signed in as ada")
    return seen


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Foreign)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, text=True)
    try:
        # ChromeDriver was started successfully on port 37363.
        line = next(line for line in driver.stdout if "successfully on port" in line)
        port = line.rstrip().rstrip(".").rsplit(" ", 1)[1]
        browser = Browser(f"http://127.0.0.1:{port}", int(sys.argv[3]))
        try:
            seen = visit(browser, f"http://127.0.0.1:{server.server_address[1]}/")
        finally:
            browser.call("DELETE", "")
    finally:
        driver.terminate()
        driver.wait()
    print(json.dumps(seen))


main()
