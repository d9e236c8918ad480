"""Runs a command at a terminal of its own, waits for questions and types answers.

Arguments: the steps as JSON, [[question, what to type], ..], then the command. Prints JSON: what stood on the screen, the exit
code, and whether the terminal shows again what is typed.
"""

import json
import os
import pty
import select
import sys
import termios
import time


def main():
    steps, command = json.loads(sys.argv[1]), sys.argv[2:]
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(command[0], command)
    screen, seen = b"", 0
    for question, answer in steps:
        screen = read_until(terminal, screen, lambda text: question.encode() in text[seen:])
        seen = len(screen)
        os.write(terminal, answer.encode())
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        ready, _, _ = select.select([terminal], [], [], max(0, deadline - time.monotonic()))
        try:
            more = os.read(terminal, 4096) if ready else b""
        except OSError:  # Linux says EIO when the other side is closed
            more = b""
        if not more:
            break
        screen += more
    shows = bool(termios.tcgetattr(terminal)[3] & termios.ECHO)
    _, status = os.waitpid(pid, 0)
    print(json.dumps({"screen": screen.decode(), "code": os.waitstatus_to_exitcode(status), "shows": shows}))


def read_until(terminal, screen, enough):
    deadline = time.monotonic() + 30
    while not enough(screen):
        ready, _, _ = select.select([terminal], [], [], max(0, deadline - time.monotonic()))
        if not ready:
            sys.exit(f"the question did not come; on the screen: {screen!r}")
        screen += os.read(terminal, 4096)
    return screen


main()
