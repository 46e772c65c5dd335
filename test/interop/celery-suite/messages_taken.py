"""Tells the tests of each task message that the worker takes by Celery's signal `task_received`, as a worker in their own process would. Whoever takes a message
from a Redis notes it in the hash `unacked`, and MONITOR shows that; a RabbitMQ that traces its virtual host publishes a copy of each message that it hands out."""

import json
import re
import secrets
import socket
import threading
import time
from collections import deque
from urllib.parse import urlsplit

import redis
from celery import current_app, signals
from celery.worker.request import Request
from kombu import Connection

ARGUMENT = re.compile(rb'"((?:[^"\\]|\\.)*)"')
TRACE = "amq.rabbitmq.trace"
# Handlers hear of a message so many seconds late, unless somebody asks for a result: tests go on for a moment after they have sent.
LATENESS = 0.05


class RedisTap:
    """Reads what is taken, as Kombu's envelopes, and the marks that are put between."""

    def __init__(self, url):
        self.place = urlsplit(url)
        self.redis = redis.from_url(url)

    def open(self):
        self.lines = socket.create_connection((self.place.hostname, self.place.port)).makefile("rwb")
        self.lines.write(b"MONITOR\r\n")
        self.lines.flush()
        self.lines.readline()

    def mark(self, mark):
        self.redis.echo(mark)

    def read(self, on_envelope, on_mark):
        for line in self.lines:
            command, *arguments = map(unescaped, ARGUMENT.findall(line))
            if command.upper() == b"ECHO":
                on_mark(arguments[0].decode())
            elif command.upper() == b"HSET" and arguments[0] == b"unacked":
                for value in arguments[2::2]:
                    on_envelope(json.loads(value)[0])


class RabbitTap:
    """The same of a queue that the trace goes to."""

    def __init__(self, url):
        self.url = url
        self.queue = f"tap-{secrets.token_hex()}"

    def open(self):
        self.reading = Connection(self.url)
        self.marking = Connection(self.url)
        channel = self.reading.default_channel
        channel.queue_declare(self.queue, exclusive=False, auto_delete=True, durable=False)
        channel.queue_bind(self.queue, TRACE, "deliver.celery")

    def mark(self, mark):
        self.marking.default_channel.basic_publish(self.marking.default_channel.prepare_message(mark, content_encoding="utf-8"), "", self.queue)

    def read(self, on_envelope, on_mark):
        def on_message(message):
            traced = message.headers.get("properties") if message.headers else None
            if traced is None:
                on_mark(text_of(message.body))
            else:
                on_envelope(envelope_of(traced, text_of(message.body)))

        self.reading.default_channel.basic_consume(self.queue, no_ack=True, callback=on_message)
        while True:
            self.reading.drain_events()


def envelope_of(properties, body):
    return {
        "body": body,
        "content-type": properties.get("content_type"),
        "content-encoding": properties.get("content_encoding"),
        "headers": properties.get("headers", {}),
        "properties": {
            "delivery_tag": secrets.token_hex(),
            "delivery_info": {"exchange": "", "routing_key": "celery", "priority": properties.get("priority", 0)},
            "correlation_id": properties.get("correlation_id"),
            "reply_to": properties.get("reply_to"),
        },
    }


def text_of(body):
    return body.decode() if isinstance(body, bytes) else body


class MessagesTaken:
    def __init__(self, url):
        self.tap = RedisTap(url) if url.startswith("redis") else RabbitTap(url)
        # Knows how to read Kombu's envelopes.
        self.channel = Connection("memory://").default_channel
        self.waiting = deque()
        self.telling = threading.RLock()
        self.seen = threading.Condition()
        self.last_mark = ""

    def listen(self):
        self.tap.open()
        reading = {"on_envelope": self.note, "on_mark": self.note_mark}
        for task, kwargs in ((self.tap.read, reading), (self.tell_late, {})):
            threading.Thread(target=task, kwargs=kwargs, daemon=True).start()

    def note(self, envelope):
        self.waiting.append((time.monotonic(), envelope))

    def note_mark(self, mark):
        with self.seen:
            self.last_mark = mark
            self.seen.notify_all()

    def tell_late(self):
        while True:
            time.sleep(LATENESS / 2)
            self.tell(taken_before=time.monotonic() - LATENESS)

    def catch_up(self):
        """Until all is told that was taken before now."""
        if not signals.task_received.receivers:
            return
        mark = secrets.token_hex()
        with self.seen:
            self.tap.mark(mark)
            self.seen.wait_for(lambda: self.last_mark == mark, timeout=5)
        self.tell(taken_before=time.monotonic())

    def tell(self, taken_before):
        with self.telling:
            while self.waiting and self.waiting[0][0] <= taken_before:
                _, envelope = self.waiting.popleft()
                if "task" in envelope["headers"]:
                    self.tell_one(self.channel.Message(envelope, channel=self.channel))

    @staticmethod
    def tell_one(message):
        app = current_app._get_current_object()
        if message.headers["task"] in app.tasks:
            signals.task_received.send(sender=None, request=Request(message, app=app))


def unescaped(text):
    """Redis writes what is no plain character as Python does."""
    return text.decode("unicode_escape").encode("latin-1")
