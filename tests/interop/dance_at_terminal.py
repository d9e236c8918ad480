#!/usr/bin/env python3
"""A person at a terminal: runs a command there, opens the address that it shows, allows access, and types the code.

Arguments: the command. Prints JSON: what stood on the screen, and the exit code.
"""

import json
import os
import pty
import re
import select
import sys
import time
import urllib.request
from urllib.parse import parse_qs


def main() -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.argv[1], sys.argv[1:])
    screen = read_until(terminal, "", lambda text: text.endswith("shows: "))
    address = re.search(r"http\S+oauth_token=\w+", screen)[0]
    with urllib.request.urlopen(f"{address}&decide=allow") as page:
        [code] = parse_qs(page.read().decode())["oauth_verifier"]
    os.write(terminal, f"{code}\n".encode())
    screen = read_until(terminal, screen, lambda _: False)
    _, status = os.waitpid(pid, 0)
    print(json.dumps({"screen": screen, "code": os.waitstatus_to_exitcode(status)}))


def read_until(terminal: int, screen: str, enough) -> str:
    """To the end, if it is never enough."""
    deadline = time.monotonic() + 30
    while not enough(screen):
        ready, _, _ = select.select([terminal], [], [], max(0, deadline - time.monotonic()))
        if not ready:
            sys.exit(f"nothing more came; on the screen: {screen!r}")
        try:
            more = os.read(terminal, 4096)
        except OSError:  # Linux says EIO when the other side is closed
            more = b""
        if not more:
            break
        screen += more.decode()
    return screen


main()
