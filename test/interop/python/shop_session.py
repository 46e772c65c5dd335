"""A producer in Python: evaluates the expression of each line of JSON on standard input, and answers with a line. `task(name)` is a task of either
half of the shop."""

import datetime  # as all that is not used below: for what is evaluated
import json
import sys
import time
from decimal import Decimal
from uuid import UUID

from celery import chain, chord, group
from celery.result import GroupResult, result_from_tuple
from kombu.transport import virtual

import shop
from canvases import Builder
from shop import app

app.set_default()
nan, inf = float("nan"), float("inf")


def task(name):
    return app.signature(name)


def result(task_id):
    return app.AsyncResult(task_id)


def soon(zone=datetime.timezone.utc):
    return datetime.datetime.now(zone) + datetime.timedelta(seconds=1)


def send(trees, side):
    """Sends canvases of test/support/canvas-model, by the prefixes of their ids."""
    for prefix, tree in trees.items():
        Builder(app, prefix, side).build(tree).apply_async()


def noted(prefix, what):
    """What their tasks have noted: `runs`, `errbacks`."""
    return [json.loads(note) for note in app.backend.client.lrange(prefix + what, 0, -1)]


def notes():
    return [note.decode() for note in app.backend.client.lrange("notes", 0, -1)]


def waiting(*queues):
    """How many messages each queue has, of every priority."""
    with app.connection() as connection:
        channel = connection.default_channel
        if isinstance(channel, virtual.Channel):  # whose passive declare refuses a queue that is empty
            return [channel._size(queue) for queue in queues]
        return [channel.queue_declare(queue, passive=True).message_count for queue in queues]


def unsettled():
    """How many messages wait or are in the hands of a worker, of a Redis."""
    with app.connection() as connection:
        return connection.default_channel.client.hlen("unacked") + sum(map(connection.default_channel._size, ("python", "typescript", "celery")))


for line in sys.stdin:
    try:
        answer = {"answer": eval(json.loads(line), globals())}
    except BaseException as error:
        kind = type(error)
        answer = {"raised": {"type": kind.__qualname__, "module": kind.__module__, "args": list(error.args)}}
    print(json.dumps(answer, default=repr), flush=True)
