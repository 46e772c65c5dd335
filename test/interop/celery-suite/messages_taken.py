"""Tells the tests of each task message that the worker takes by Celery's signal `task_received`, as a worker in their own process would. Whoever takes a message
from a Redis notes it in the hash `unacked`, and MONITOR shows that."""

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
# Handlers hear of a message so many seconds late, unless somebody asks for a result: tests go on for a moment after they have sent.
LATENESS = 0.05


class MessagesTaken:
    def __init__(self, url):
        self.place = urlsplit(url)
        self.redis = redis.from_url(url)
        # Knows how to read Kombu's envelopes.
        self.channel = Connection("memory://").default_channel
        self.waiting = deque()
        self.telling = threading.RLock()
        self.seen = threading.Condition()
        self.last_echo = b""

    def listen(self):
        self.lines = socket.create_connection((self.place.hostname, self.place.port)).makefile("rwb")
        self.lines.write(b"MONITOR\r\n")
        self.lines.flush()
        self.lines.readline()
        for task in (self.read_on, self.tell_late):
            threading.Thread(target=task, daemon=True).start()

    def read_on(self):
        for line in self.lines:
            command, *arguments = map(unescaped, ARGUMENT.findall(line))
            if command.upper() == b"ECHO":
                with self.seen:
                    self.last_echo = arguments[0]
                    self.seen.notify_all()
            elif command.upper() == b"HSET" and arguments[0] == b"unacked":
                self.waiting.extend((time.monotonic(), json.loads(value)[0]) for value in arguments[2::2])

    def tell_late(self):
        while True:
            time.sleep(LATENESS / 2)
            self.tell(taken_before=time.monotonic() - LATENESS)

    def catch_up(self):
        """Until all is told that was taken before now."""
        if not signals.task_received.receivers:
            return
        echo = secrets.token_hex().encode()
        with self.seen:
            self.redis.echo(echo)
            self.seen.wait_for(lambda: self.last_echo == echo, timeout=5)
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
