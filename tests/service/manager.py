"""Holds listening sockets as a service manager does, and starts a program on them as often as it is told.

    manager.py NAME=ADDRESS:PORT... -- PROGRAM ARGUMENT...

Commands on standard input, one a line: start; end (SIGTERM, and wait); kill (SIGKILL, and wait); stop, cont (SIGSTOP, SIGCONT);
term (SIGTERM alone); wait. Answers on standard output: `listening NAME ADDRESS:PORT` for each socket, `started PID`, `ended CODE`.
"""

import os
import signal
import socket
import sys

separator = sys.argv.index("--")
program = sys.argv[separator + 1 :]
names, sockets = [], []
for argument in sys.argv[1:separator]:
    name, address = argument.split("=")
    host, port = address.rsplit(":", 1)
    held = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind((host, int(port)))
    held.listen(4096)
    names.append(name)
    sockets.append(held)
    print("listening", name, "%s:%d" % held.getsockname(), flush=True)


def start():
    process = os.fork()
    if process:
        print("started", process, flush=True)
        return process
    # Two steps: the descriptors may stand where the first ones have to go.
    moved = [os.dup(held.fileno()) for held in sockets]
    highest = max([2, *moved])
    moved = [os.dup2(held, highest + 1 + index) for index, held in enumerate(moved)]
    for index, held in enumerate(moved):
        os.dup2(held, 3 + index, inheritable=True)
    os.close(0)
    os.open("/dev/null", os.O_RDWR)
    os.dup2(2, 1)
    environment = dict(os.environ, LISTEN_FDS=str(len(sockets)), LISTEN_FDNAMES=":".join(names), LISTEN_PID=str(os.getpid()))
    os.execvpe(program[0], program, environment)


def wait(process):
    _, status = os.waitpid(process, 0)
    print("ended", os.waitstatus_to_exitcode(status), flush=True)


process = None
signals = {"end": signal.SIGTERM, "kill": signal.SIGKILL, "stop": signal.SIGSTOP, "cont": signal.SIGCONT, "term": signal.SIGTERM}
for command in map(str.strip, sys.stdin):
    if command == "start":
        process = start()
        continue
    if command in signals:
        os.kill(process, signals[command])
    if command in ("end", "kill", "wait"):
        wait(process)
        process = None
if process:
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
