"""A Celery whose results are in Redis. Its URL is the first argument, the prefix of its keys the second. Does what each line of JSON on standard
input says, and answers with a line."""

import datetime  # for what is evaluated
import json
import sys

from celery import Celery
from celery.app.task import Context
from celery.result import AsyncResult

app = Celery("interop", broker="memory://", backend=sys.argv[1])
app.conf.result_backend_transport_options = {"global_keyprefix": sys.argv[2]}

EXCEPTIONS = {
    "ValueError": ValueError("no", 1, None),
    "KeyError": KeyError("ünïcode"),
    "Retry": __import__("celery.exceptions").exceptions.Retry("later"),
    "OwnError": type("OwnError", (Exception,), {"__module__": "shop.errors"})("mine", {"a": [1]}),
}


def describe(value):
    if isinstance(value, BaseException):
        return {"class": type(value).__qualname__, "module": type(value).__module__, "args": list(value.args)}
    return value


def read(task_id):
    """What a caller sees that waits for the result."""
    result = AsyncResult(task_id, app=app)
    value = result.get(timeout=20, propagate=False)
    return {
        "state": result.state,
        "value": describe(value),
        "traceback": result.traceback,
        "done": result.date_done and result.date_done.isoformat(),
        "children": [child.id for child in result.children or []],
        "name": result.name,
        "args": result.args,
        "worker": result.worker,
    }


def repr_of(task_id):
    result = AsyncResult(task_id, app=app)
    return {"repr": repr(result.get(timeout=20)), "state": result.state}


def state(task_id):
    return AsyncResult(task_id, app=app).state


def store(task_id, value, status="SUCCESS"):
    app.backend.store_result(task_id, eval(value), status)


def fail(task_id, exception, status="FAILURE"):
    app.backend.store_result(task_id, EXCEPTIONS[exception], status, traceback="Traceback: line 1", request=Context(id=task_id))


for line in sys.stdin:
    call = json.loads(line)
    try:
        answer = {"answer": globals()[call["do"]](*call["with"])}
    except Exception as error:
        kind = type(error)
        answer = {"raised": {"type": kind.__qualname__, "module": kind.__module__, "args": [repr(arg) for arg in error.args]}}
    print(json.dumps(answer), flush=True)
