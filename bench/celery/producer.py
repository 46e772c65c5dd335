"""Does what it reads, a line each: `send COUNT` tells sends a second, `sendLater COUNT EPOCH_SECONDS` that it is done, `sendOne` when it began, by the monotonic clock."""

import sys
import time
from datetime import datetime, timezone

from bench_app import noop

ARGUMENT = "x" * 99


def send(count):
    start = time.monotonic()
    for _ in range(int(count)):
        noop.delay(ARGUMENT)
    return int(count) / (time.monotonic() - start)


def send_later(count, epoch_seconds):
    eta = datetime.fromtimestamp(float(epoch_seconds), timezone.utc)
    for _ in range(int(count)):
        noop.apply_async((ARGUMENT,), eta=eta)
    return "done"


def send_one():
    start = time.monotonic_ns()
    noop.delay(ARGUMENT)
    return start


COMMANDS = {"send": send, "sendLater": send_later, "sendOne": send_one}

print("ready", flush=True)
for line in sys.stdin:
    command, *arguments = line.split()
    print(COMMANDS[command](*arguments), flush=True)
