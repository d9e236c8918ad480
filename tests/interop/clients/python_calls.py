"""What the Python clients here have in common: what they send, and how they say what came back."""

import json
import sys
from typing import Any

HARD = "a b+c%d&e=f;g/h?i:j@k,l$ !*'()~ \u00e4\u20ac\U0001f510"
HARD_PAIRS = [("q", HARD), (HARD, "v"), ("empty", ""), ("sum", "1+1=2")]
REPEATED = [("a", "2"), ("a", "10"), ("a", ""), ("b", "x")]
JSON = {"text": HARD, "oauth_token": "not a parameter"}


def arguments() -> tuple[str, str, str]:
    """The gateway's URL, the file of the private key, the consumer's key."""
    gateway, key_file, consumer = sys.argv[1:]
    return gateway, key_file, consumer


def report(name: str, answer: Any) -> None:
    print(json.dumps({"name": name, "status": answer.status_code, "body": answer.text}), flush=True)
