"""What the Python clients here have in common: whoever started them is the user, and goes where they say."""

import json
import sys
from typing import Any


def arguments() -> tuple[str, str, str, str]:
    """The gateway's URL, the private key, the consumer's key, where to call back (`oob`: nowhere)."""
    gateway, key_file, consumer, callback = sys.argv[1:]
    with open(key_file, encoding="ascii") as key:
        return gateway, key.read(), consumer, callback


def step(what: str, **more: Any) -> str:
    """Says what comes next, and waits for what came of it."""
    print(json.dumps({"step": what, **more}), flush=True)
    return sys.stdin.readline().strip()


def consent(url: str) -> str:
    """The user goes to this page: the URL that it led to, or the code that it showed."""
    return step("consent", url=url)
