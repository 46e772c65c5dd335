"""Writes test/interop/golden/*.json: the messages that real Celery puts on the wire, one a file.

Run it with a Python that has the Celery named in test/support/python.ts:

    .cache/python-celery-5.7.0/bin/python scripts/capture-golden-messages.py

Clock, ids and host are pinned, so that only a change in Celery changes a file.
"""

import base64
import json
import random
import uuid
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path

_random = random.Random(5)
uuid.uuid4 = lambda: uuid.UUID(int=_random.getrandbits(128), version=4)

import celery.app.amqp  # noqa: E402
import kombu.utils.uuid  # noqa: E402
from celery import Celery, chain, chord, group  # noqa: E402
from celery.canvas import StampingVisitor  # noqa: E402

GOLDEN = Path(__file__).parent.parent / "test" / "interop" / "golden"
NOW = datetime(2026, 11, 22, 15, 30, 23, 660441, tzinfo=timezone.utc)
TASK_ID = "11111111-2222-4333-8444-555555555555"

celery.app.amqp.anon_nodename = lambda: "gen4711@golden"
Celery.now = lambda self: NOW
Celery.thread_oid = "99999999-8888-4777-8666-555555555555"

app = Celery("golden", broker="memory://", backend="cache+memory://", set_as_current=True)


@app.task(name="golden.add")
def add(*args, **kwargs):
    """Stands for any task."""


@app.task(name="golden.again", bind=True)
def again(self, *args, **kwargs):
    raise self.retry(countdown=7)


def captured(send):
    """All messages that `send` puts on the default queue, as the transport would write them."""
    with app.connection_for_write() as connection:
        channel = connection.default_channel
        app.amqp.queues["celery"].bind(channel).declare()
        channel.queue_purge("celery")
        send()
        messages = []
        while channel._size("celery"):
            messages.append(channel._get("celery"))
        return messages


def golden(message):
    body = message["body"]
    if message["properties"].pop("body_encoding", None) == "base64":
        body = base64.b64decode(body)
    elif isinstance(body, str):
        body = body.encode()
    properties = {k: v for k, v in message["properties"].items() if k not in ("delivery_info", "delivery_tag")}
    document = {
        "contentType": message["content-type"],
        "contentEncoding": message["content-encoding"],
        "headers": message["headers"],
        "properties": properties,
        "body": base64.b64encode(body).decode(),
    }
    try:
        document["bodyText"] = body.decode()
    except UnicodeDecodeError:
        pass
    return document


def write(name, send, pick=0):
    message = captured(send)[pick]
    GOLDEN.mkdir(exist_ok=True)
    text = json.dumps(golden(message), indent=2, sort_keys=True, allow_nan=False)
    (GOLDEN / f"{name}.json").write_text(text + "\n")


def retried():
    """What a worker sends when the task asks to be retried."""
    from celery.worker.request import Request
    from kombu.message import Message

    raw = captured(lambda: send(again, (1, "two"), {"three": 3}, headers={"x-mine": "kept"}, priority=4))[0]
    properties = raw["properties"]
    message = Message(
        body=base64.b64decode(raw["body"]),
        content_type=raw["content-type"],
        content_encoding=raw["content-encoding"],
        headers=raw["headers"],
        properties=properties,
        delivery_info=properties["delivery_info"],
    )
    Request(message, app=app, task=again).execute()


def send(task, args=(), kwargs=None, **options):
    task.apply_async(args, kwargs, **{"task_id": TASK_ID, **options})


class Stamping(StampingVisitor):
    def on_signature(self, sig, **headers):
        return {"customer": "acme", "stamped_headers": ["customer"]}


def send_stamped():
    signature = add.s(1)
    signature.stamp(Stamping())
    signature.apply_async(task_id=TASK_ID)


def send_protocol_1(**options):
    app.conf.task_protocol = 1
    app.amqp.__dict__.pop("create_task_message", None)
    try:
        send(add, (1, "two"), {"three": 3}, **options)
    finally:
        app.conf.task_protocol = 2
        app.amqp.__dict__.pop("create_task_message", None)


IST = timezone(timedelta(hours=5, minutes=30))
MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=timezone.utc)
TYPED = (
    MOMENT,
    MOMENT.replace(microsecond=678901),
    MOMENT.replace(microsecond=0, tzinfo=IST),
    MOMENT.replace(tzinfo=None),
    date(2026, 1, 2),
    time(3, 4, 5, 678901),
    Decimal("1.50"),
    uuid.UUID(TASK_ID),
    "text é".encode(),
    b"\xff\x00",
)

write("plain", lambda: send(add, (2, 3)))
write("no-arguments", lambda: send(add))
write("kwargs", lambda: send(add, (), {"x": 1, "y": [True, None, 1.5], "z": {"deep": {"er": "yes"}}}))
write("unicode", lambda: send(add, ("é 😀 \u2028", "nul \0 in it", "it's", '"quoted"', "line\nbreak", "\ud800"), {"schlüssel": "wert"}))
write("typed-values", lambda: send(add, TYPED, {"when": MOMENT}))
write("numbers", lambda: send(add, (2**53, -(2**64), 10**40, 1.5, -0.0, 1e22, float("inf"), float("-inf"), float("nan"))))
write("countdown", lambda: send(add, (1,), countdown=90))
write("eta", lambda: send(add, (1,), eta=MOMENT))
write("eta-other-offset", lambda: send(add, (1,), eta=MOMENT.replace(tzinfo=IST)))
write("expires", lambda: send(add, (1,), expires=120))
write("expires-past", lambda: send(add, (1,), expires=MOMENT))
write("priority", lambda: send(add, (1,), priority=7))
write("chain", lambda: chain(add.s(1), add.si(2), add.s(3)).apply_async(task_id=TASK_ID))
write("group-member", lambda: group(add.s(1), add.s(2)).apply_async(), pick=1)
write("links", lambda: send(add, (1,), link=[add.s(2), add.si(3)], link_error=add.s("failed")))
write("chord-header", lambda: chord([add.s(1), add.s(2)], add.s("body")).apply_async(), pick=1)
write("retry", retried)
write("shadow", lambda: send(add, (1,), shadow="golden.seen-as"))
write("time-limits", lambda: send(add, (1,), time_limit=30, soft_time_limit=2.5))
write("ignore-result", lambda: send(add, (1,), ignore_result=True))
write("stamps", send_stamped)
write("custom-headers", lambda: send(add, (1,), headers={"x-trace": "abc", "x-nested": {"n": [1, None]}}))
write("gzip", lambda: send(add, ("compress me " * 20,), compression="gzip"))
write("zlib", lambda: send(add, ("compress me " * 20,), compression="zlib"))
write("bzip2", lambda: send(add, ("compress me " * 20,), compression="bzip2"))
write("long-argument", lambda: send(add, ("x" * 1500, list(range(100)))))
write("protocol-1", send_protocol_1)
write("protocol-1-options", lambda: send_protocol_1(countdown=90, expires=120, time_limit=30, link=add.s(2), priority=3))
