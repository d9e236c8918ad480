"""What the Python client scripts share: one printed line per case, and what the backend recorded."""

import json
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Cases:
    """Runs cases, prints `ok NAME` or `FAIL NAME: why` for each and `N passed, M failed` at the end."""

    def __init__(self) -> None:
        self.passed = 0
        self.failed = 0

    def run(self, name: str, case: Callable[[], None]) -> None:
        try:
            case()
        except Exception as error:  # one broken case must not hide the others
            self.failed += 1
            why = " ".join(str(error).split()) or type(error).__name__
            print(f"FAIL {name}: {why}", flush=True)
            if not isinstance(error, AssertionError):
                traceback.print_exc(file=sys.stderr)
        else:
            self.passed += 1
            print(f"ok {name}", flush=True)

    def finish(self) -> int:
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        return 0 if self.passed and not self.failed else 1


class Record:
    """The lines that the backend wrote: one per request that reached it, before it answered."""

    def __init__(self, path: Path) -> None:
        self.file = path.open(encoding="utf-8")
        self.read: list[Any] = []

    def lines(self) -> list[Any]:
        self.read += map(json.loads, self.file)  # goes on where the last call stopped
        return self.read


def expect(condition: bool, why: str) -> None:
    """An assertion that `python -O` does not remove."""
    if not condition:
        raise AssertionError(why)
