"""Chromium, by WebDriver: what the scripts beside this one are written in."""

import base64
import contextlib
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # WebDriver, section 11: how elements are named
ENTER, SPACE = "\ue007", " "  # section 17.4.2: how keys are named


class Browser:
    """A window. `base` is where the site under test is: `open` and `path` go from there.

    Without scripts it is worked with the keyboard alone: chromedriver's own click waits for a script of its own.
    """

    def __init__(self, driver, base, width, scripts=True):
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        options = {
            "args": arguments,
            "mobileEmulation": {"deviceMetrics": {"width": width, "height": 844, "pixelRatio": 1, "mobile": width < 600}},
        }
        if not scripts:
            options["prefs"] = {"profile.managed_default_content_settings.javascript": 2}
        always = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        self.driver, self.base, self.has_mouse = driver, base, scripts
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
        self.call("POST", "/url", {"url": self.base + url if url.startswith("/") else url})

    def path(self):
        return self.call("GET", "/url").removeprefix(self.base)

    def find(self, selector, using="css selector"):
        return "/element/" + self.call("POST", "/element", {"using": using, "value": selector})[ELEMENT]

    def fill(self, **fields):
        for name, text in fields.items():
            self.call("POST", self.find(f"#{name}") + "/clear")
            self.call("POST", self.find(f"#{name}") + "/value", {"text": text})

    def click(self, selector, key=ENTER):
        self.activate(self.find(selector), key)

    def check(self, selector):
        self.click(selector, SPACE)

    def activate(self, element, key=ENTER):
        if self.has_mouse:
            self.call("POST", element + "/click")
        else:
            self.call("POST", element + "/value", {"text": key})

    def press(self, words):
        """Clicks the button or link of the page itself that says this."""
        said = f"normalize-space(text()[1]) = '{words}'"
        self.activate(self.find(f"//main//*[self::a or self::button][{said}][not(@aria-hidden)]", "xpath"))

    def text(self, selector="body"):
        return self.call("GET", self.find(selector) + "/text")

    def wait_for(self, words, selector="body"):
        """A click returns before the page that follows is there."""
        self.wait_until(lambda: words in self.text(selector), words)

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

    def run(self, script, *arguments):
        """What a script returns, or what its promise comes to."""
        return self.call("POST", "/execute/sync", {"script": script, "args": arguments})

    def emulate(self, width, scheme):
        """A window of this width, in light or dark; colours are there at once, and not little by little."""
        metrics = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 600}
        features = {"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"}
        media = {"features": [{"name": name, "value": value} for name, value in features.items()]}
        for command, parameters in [("Emulation.setDeviceMetricsOverride", metrics), ("Emulation.setEmulatedMedia", media)]:
            self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def is_too_wide(self):
        return self.run("const page = document.documentElement; return page.scrollWidth > page.clientWidth")

    def photograph(self, file):
        file.write_bytes(base64.b64decode(self.call("GET", "/screenshot")))

    def complaints(self):
        lines = self.call("POST", "/se/log", {"type": "browser"})
        return [line["message"] for line in lines if "Content Security Policy" in line["message"]]

    def close(self):
        self.call("DELETE", "")


@contextlib.contextmanager
def running_driver():
    """The URL of a driver, which ends with the block."""
    driver, port = started_driver()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        driver.terminate()
        driver.wait()


def started_driver():
    # It takes a port that is free on one address family for both, and ends where another program has it on the other.
    for _ in range(10):
        driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, text=True)
        # ChromeDriver was started successfully on port 37363.
        line = next((line for line in driver.stdout if "successfully on port" in line), None)
        if line is not None:
            return driver, line.rstrip().rstrip(".").rsplit(" ", 1)[1]
        driver.wait()
    raise RuntimeError("chromedriver finds no port")
