"""What an administrator does with the consumers' pages, in a real browser.

    consumers.py BASE_URL APPLICATION_URL work [--without-scripts]
    consumers.py BASE_URL APPLICATION_URL harm
    consumers.py BASE_URL APPLICATION_URL look AXE_FILE

Prints a line at each step, and waits for one before it goes on: whoever started it looks at the gateway meanwhile.
"""

import contextlib
import json
import pathlib
import sys
import urllib.parse

from webdriver import Browser, running_driver

BASE, APPLICATION, WHAT = sys.argv[1:4]
DATA = pathlib.Path(__file__).parent.parent / "data"
PASSWORD = "correct horse battery"
CERTIFICATE = "".join(
    line.removeprefix("      ") for line in (DATA / "google-consumer.yaml").read_text().splitlines(True) if line.startswith("      ")
)

# Each means something to some reader; whichever of them runs says so.
HARM = [
    "<script>window.pwned=1</script>",
    "\"><img src=x onerror=window.pwned=1>",
    "' autofocus onfocus='window.pwned=1",
    "</textarea><svg onload=window.pwned=1>",
    "javascript:window.pwned=1//",
    "a\u202etxt.exe",
]


def step(what, **more):
    print(json.dumps({"step": what, **more}), flush=True)
    sys.stdin.readline()


def sign_in(browser):
    browser.open("/sign-in")
    browser.fill(name="ada", password=PASSWORD)
    browser.press("Sign in")
    browser.wait_for("Add OAuth Consumer")


def import_from_application(browser):
    """Each refusal leads to a box that allows what was refused, and nothing else."""
    browser.open("/")
    browser.press("Import by Consumer Base URL")
    browser.wait_for("Nothing is written before you have seen it")
    browser.fill(base_url=APPLICATION)
    browser.press("Show what it publishes")
    browser.wait_for("Over http, anybody between here and")
    browser.check("#http")
    browser.press("Show what it publishes")
    browser.wait_for("is this machine itself")
    browser.check("input[name=allow][value='127.0.0.1']")
    browser.press("Show what it publishes")
    browser.wait_for("publishes this consumer")


def work(browser, scripts):
    sign_in(browser)
    browser.press("Add OAuth Consumer")
    browser.wait_for("Consumer Key")
    browser.fill(key="www.google.com", name="iGoogle", public_key=CERTIFICATE)
    browser.fill(description="Google's iGoogle gadget container, https://www.google.com/ig")
    if not scripts:
        browser.press("Check key")
    browser.wait_for("Certificate, RSA 1024 bits", "#public_key-report")
    browser.wait_for("CN=www.google.com", "#public_key-report")
    browser.press("Add")
    browser.wait_for("The consumer was added. It is in force.")
    step("added")

    browser.press("Edit")
    browser.wait_for("Edit iGoogle")
    browser.fill(description="The gadgets of iGoogle")
    browser.press("Save")
    browser.wait_for("The changes were saved. It is in force.")
    step("edited")

    import_from_application(browser)
    browser.wait_for("This key can be used", "#public_key-report")
    step("found", fingerprint=browser.text("#public_key-report code"))
    browser.press("Add")
    browser.wait_for("The consumer was added. It is in force.")
    step("imported")

    browser.press("Return to Consumer List")
    browser.wait_for("3 consumers")
    browser.fill(q="jira")
    if scripts:
        browser.wait_for("1 of 3 consumers")
    else:
        browser.press("Search")
        browser.wait_until(lambda: "q=jira" in browser.path(), "the search's page")
    browser.click("td .danger")
    browser.wait_for("What this ends:")
    step("asked")
    browser.press("Remove this consumer")
    browser.wait_for("any more. What it signs is refused.")
    step("removed")

    browser.click(".account button")
    browser.wait_for("No account, or the password is lost?")
    browser.open("/consumers/edit?key=www.google.com")
    browser.wait_for("No account, or the password is lost?")
    step("signed out", complaints=browser.complaints())


def harm(browser):
    """Consumers whose every field means harm, added by hand and published by an application."""

    def look():
        assert browser.run("return typeof window.pwned") == "undefined", browser.path()

    sign_in(browser)
    for number, text in enumerate(HARM):
        browser.open("/consumers/add")
        fields = ["key", "name", "description", "public_key", "callback_url", "execute_as"]
        browser.fill(**dict.fromkeys(fields, text))
        browser.wait_for("This cannot be used", "#public_key-report")
        look()
        browser.run("document.querySelector('details').open = true")
        browser.fill(**dict.fromkeys(["expires", "rate_requests", "rate_per", "allow", "allow_from"], text))
        browser.press("Add")
        browser.wait_for("have to be mended")
        look()
        empty = ["callback_url", "expires", "rate_requests", "rate_per", "allow", "allow_from"]
        browser.fill(**dict.fromkeys(empty, ""), public_key=CERTIFICATE)
        browser.press("Add")
        browser.wait_for("It is in force.")
        look()
        for page in ["show", "edit", "remove"]:
            browser.open(f"/consumers/{page}?key={urllib.parse.quote(text, safe='')}")
            browser.wait_for("Return to Consumer List")
            look()
        browser.open("/")
        browser.fill(q=text[:6])
        browser.wait_for(f" of {number + 2} consumers")
        look()
    import_from_application(browser)
    look()
    browser.press("Add")
    browser.wait_for("It is in force.")
    look()
    step("added")
    for page in ["/", "/refusals", "/files"]:
        browser.open(page)
        browser.wait_for("Countersign 0.")
        look()
    step("looked", complaints=browser.complaints())


def look(browser, axe):
    """Every page, light and dark, on a phone and on a desk: what axe-core finds, and whether it has to be moved sideways."""
    found = []

    def audit(page):
        for scheme in ["light", "dark"]:
            for width in [390, 900, 1280]:
                browser.emulate(width, scheme)
                where = f"{page}, {scheme}, {width} pixels"
                violations = []
                if width != 900:  # where the lists are cards in columns; all else is as on a desk
                    browser.run(axe)
                    violations = browser.run("return axe.run().then((found) => found.violations)")
                for violation in violations:
                    nodes = [node["html"] for node in violation["nodes"]]
                    found.append(f"{where}: {violation['id']}: {violation['help']}: {nodes[:3]}")
                if browser.is_too_wide():
                    found.append(f"{where}: has to be moved sideways")

    browser.open("/sign-in")
    audit("sign-in")
    sign_in(browser)
    pages = ["/", "/?q=nobody", "/account", "/files", "/refusals", "/refusals?consumer=nobody", "/consumers/add", "/consumers/import"]
    keyed = [f"/consumers/{page}?key=reporting" for page in ["show", "edit", "remove"]]
    tokens = ["/tokens", "/tokens?user=fred&done=revoked", "/tokens?user=nobody", "/tokens/revoke?user=fred", "/tokens/revoke?id=0"]
    for page in [*pages, *keyed, *tokens, "/consumers/show?key=nobody", "/?removed=nobody", "/consumers/show?key=reporting&done=saved"]:
        browser.open(page)
        browser.wait_for("Countersign 0.")
        audit(page)

    browser.open("/consumers/add")
    browser.fill(key="k", public_key=(DATA / "keys" / "rsa-2048-b.pem").read_text())
    browser.wait_for("This key is exposed")
    browser.run("document.querySelector('details').open = true")
    browser.fill(rate_requests="many")
    browser.press("Add")
    browser.wait_for("have to be mended")
    audit("errors")
    browser.open("/consumers/edit?key=reporting")
    browser.fill(name="Other")
    step("touch the file")
    browser.press("Save")
    browser.wait_for("The file was changed since you opened this page")
    audit("conflict")
    import_from_application(browser)
    audit("found")
    step("break the file")
    for page in ["/", "/files"]:
        browser.open(page)
        browser.wait_for("unknown key")
        audit(f"{page} with problems")
    step("looked", found=found)


def main():
    scripts = "--without-scripts" not in sys.argv
    with running_driver() as driver, contextlib.closing(Browser(driver, BASE, 1280, scripts)) as browser:
        if WHAT == "work":
            work(browser, scripts)
        elif WHAT == "harm":
            harm(browser)
        else:
            look(browser, pathlib.Path(sys.argv[4]).read_text())


main()
