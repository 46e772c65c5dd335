"""Tells Celery's JSON form of canvases: one JSON question a line, one answer each.

`form` evaluates an expression that makes a canvas; `again` reads a form as a worker would and writes it again.
"""

import json
import sys

from celery import Celery, chain, chord, group
from celery.canvas import Signature, StampingVisitor, chunks, xmap, xstarmap
from kombu.utils.json import dumps

app = Celery("forms", broker="memory://", backend="cache+memory://", set_as_current=True)


@app.task(name="add")
def add(x, y):
    return x + y


@app.task(name="total")
def total(numbers):
    return sum(numbers)


@app.task(name="hear")
def hear(*args):
    return args


class Names(StampingVisitor):
    """Stamps each part with what it is."""

    def on_signature(self, sig, **headers):
        return {"task": sig.task, "before": sorted(name for name in headers if name != "stamped_headers")}

    def on_group_start(self, group, **headers):
        return {"in_group": len(group.tasks)}

    def on_chain_start(self, chain, **headers):
        return {"in_chain": len(chain.tasks)}

    def on_chord_body(self, chord, **headers):
        return {"body": True}

    def on_callback(self, callback, **headers):
        return {"callback": callback.task}

    def on_errback(self, errback, **headers):
        return {"errback": errback.task}


def linked(canvas, *callbacks):
    for callback in callbacks:
        canvas.link(callback)
    return canvas


def guarded(canvas, *errbacks):
    for errback in errbacks:
        canvas.link_error(errback)
    return canvas


def stamped(canvas, visitor=None, append_stamps=False, **stamps):
    canvas.stamp(visitor, append_stamps, **stamps)
    return canvas


def form(expression, settings):
    app.conf.update(settings)
    return json.loads(dumps(eval(expression)))


def again(canvas):
    return json.loads(dumps(Signature.from_dict(canvas, app=app)))


for line in sys.stdin:
    call = json.loads(line)
    try:
        answer = {"answer": globals()[call["do"]](*call["with"])}
    except Exception as error:
        kind = type(error)
        answer = {"raised": {"type": kind.__qualname__, "module": kind.__module__, "args": [repr(arg) for arg in error.args]}}
    print(json.dumps(answer), flush=True)
