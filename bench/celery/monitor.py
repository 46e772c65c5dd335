"""Reads so many events, and prints how many a second that were."""

import os
import time

from bench_app import app

COUNT = int(os.environ["BENCH_EVENTS"])
heard = 0
started_at = 0.0


def on_event(event):
    global heard, started_at
    if not heard:
        started_at = time.monotonic()
    heard += event["type"].startswith("task-")
    receiver.should_stop = heard == COUNT


with app.connection_for_read() as connection:
    receiver = app.events.Receiver(connection, handlers={"*": on_event})
    print("ready", flush=True)
    receiver.capture(wakeup=False)
print(COUNT / (time.monotonic() - started_at), flush=True)
