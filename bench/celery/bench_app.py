"""Celery as its users run it: one task, with its results in the same Redis as its messages, or sent by the same RabbitMQ."""

import os
import time

from celery import Celery

URL = os.environ["BENCH_URL"]
KEEPS_RESULTS = os.environ["BENCH_KEEPS_RESULTS"] == "true"
TELLS_STARTS = os.environ.get("BENCH_TELLS_STARTS") == "true"

RESULTS = "rpc://" if URL.startswith("amqp:") else URL

app = Celery("bench", broker=URL, backend=RESULTS if KEEPS_RESULTS else None)
if os.environ.get("BENCH_CONFIRMS") == "true":
    app.conf.broker_transport_options = {"confirm_publish": True}


@app.task(name="bench.noop", ignore_result=not KEEPS_RESULTS)
def noop(argument):
    if TELLS_STARTS:
        # Past Celery's own redirection of sys.stdout.
        os.write(1, f"{time.monotonic_ns()}\n".encode())
