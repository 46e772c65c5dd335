"""Reads messages, one JSON document a line, as a Celery worker does, and prints what it saw, one line each.

Each message goes through the worker's own handler (Consumer.create_task_handler) and execution strategy up to the point
where the pool would get it.
"""

import base64
import json
import sys
from unittest.mock import MagicMock

from celery import Celery
from celery.app.task import Context
from celery.worker.consumer import Consumer
from kombu.message import Message
from kombu.utils.json import dumps

app = Celery("interop", broker="memory://", backend="cache+memory://", set_as_current=True)
app.conf.timezone = "UTC"


class Seen:
    """Stands for the worker around the handler, and remembers where a message ended up."""

    def __init__(self):
        self.request = None
        self.verdict = "dropped"
        self.consumer = MagicMock(
            hostname="interop@host", connection_errors=(), event_dispatcher=None, disable_rate_limits=True, restart_count=0
        )
        self.consumer.controller.state.revoked = set()
        self.consumer.on_task_request = lambda request: self._take(request, "now")
        self.consumer.timer.call_at = lambda eta, run, args, priority: self._take(args[0], "at eta")
        self.consumer.on_decode_error = lambda message, error: self._refuse("undecodable", error)
        self.consumer.on_unknown_message = lambda body, message: self._refuse("unknown message", None)
        self.consumer.on_unknown_task = lambda body, message, error: self._refuse("unknown task", error)
        self.consumer.on_invalid_task = lambda body, message, error: self._refuse("invalid", error)
        self.consumer.on_task_message = ()

    def _take(self, request, verdict):
        self.request, self.verdict = request, verdict

    def _refuse(self, verdict, error):
        self.verdict = f"{verdict}: {error!r}"


def task_named(name):
    def anything(*args, **kwargs):
        """Is never run."""

    return app.tasks[name] if name in app.tasks else app.task(anything, name=name)


def read(document):
    properties = document["properties"]
    message = Message(
        body=base64.b64decode(document["body"]),
        content_type=document["contentType"],
        content_encoding=document["contentEncoding"],
        headers=document["headers"],
        properties=properties,
        delivery_info={"exchange": "", "routing_key": "celery"},
        accept={"application/json"},
    )
    if message.errors:
        message._reraise_error()
    seen = Seen()
    task = task_named(document["headers"].get("task", "unnamed"))
    seen.consumer.strategies = {task.name: task.start_strategy(app, seen.consumer)}
    Consumer.create_task_handler(seen.consumer)(message)
    return {"verdict": seen.verdict, **(describe(seen.request) if seen.request else {})}


def describe(request):
    args, kwargs, embed = request.message.payload
    context = Context(request.request_dict)
    return {
        "id": request.id,
        "type": request.type,
        "name": request.name,
        "rootId": request.root_id,
        "parentId": request.parent_id,
        "eta": request.eta and request.eta.isoformat(),
        "expires": request.expires and request.expires.isoformat(),
        "expiration": request.message.properties.get("expiration"),
        "timeLimits": request.time_limits,
        "ignoreResult": request.ignore_result,
        "correlationId": request.correlation_id,
        "replyTo": request.reply_to,
        "priority": request.delivery_info["priority"],
        "group": context.group,
        "groupIndex": context.group_index,
        "retries": context.retries,
        "replacedTaskNesting": context.replaced_task_nesting,
        "stamps": context.stamps,
        "stampedHeaders": context.stamped_headers,
        "headers": context.headers,
        "origin": context.origin,
        "argsRepr": request.argsrepr,
        "kwargsRepr": request.kwargsrepr,
        "pythonArgs": repr(tuple(args)),
        "pythonKwargs": repr(kwargs),
        "json": dumps([args, kwargs, embed]),
    }


for line in sys.stdin:
    try:
        answer = read(json.loads(line))
    except Exception as error:
        answer = {"verdict": f"raised: {error!r}"}
    print(json.dumps(answer), flush=True)
