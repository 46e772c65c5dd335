"""The Python half of a shop whose other half is TypeScript: an app for `celery -A shop`. SHOP, in the environment, is JSON: the `url` of the
broker and, unless `backend` names another, of the results, the `settings` of the app, and the `queues` that it declares, of `queueType` if that is said."""

import json
import os
import signal
import time

from celery import Celery, group
from celery.exceptions import Ignore, Reject
from kombu import Exchange, Queue

from canvases import Builder, bearer_of

config = json.loads(os.environ["SHOP"])

app = Celery("shop", broker=config["url"], backend=config.get("backend", config["url"]))
app.conf.update(
    task_routes={"python.*": {"queue": "python"}, "typescript.*": {"queue": "typescript"}},
    worker_prefetch_multiplier=1,
    **config["settings"],
)
if config["queues"]:
    arguments = {"x-queue-type": config["queueType"]} if "queueType" in config else None
    app.conf.task_queues = [
        Queue(queue["name"], Exchange(queue["exchange"], type=queue["type"]), routing_key=queue["key"], queue_arguments=arguments)
        for queue in config["queues"]
    ]


class OwnError(Exception):
    """What only this shop raises."""


@app.task(name="python.add")
def add(x, y=0):
    return x + y


@app.task(name="python.echo")
def echo(value):
    return value


@app.task(name="python.show")
def show(*args, **kwargs):
    """The call as Python sees it."""
    return repr(args), repr(kwargs)


@app.task(name="python.note", acks_late=True)
def note(text):
    """Leaves its mark beside its result."""
    app.backend.client.rpush("notes", text)


@app.task(name="python.started", track_started=True)
def started(seconds=0):
    """When it began, in seconds since 1970."""
    began = time.time()
    time.sleep(seconds)
    return began


@app.task(name="python.request", bind=True)
def request(self, *_args):
    told = self.request
    return {
        "id": told.id,
        "root": told.root_id,
        "parent": told.parent_id,
        "retries": told.retries,
        "group": told.group,
        "origin": told.origin,
        "tenant": told.get("tenant"),
        "priority": told.delivery_info["priority"],
        "queue": told.delivery_info["routing_key"],
        "argsrepr": told.argsrepr,
    }


@app.task(name="python.fail")
def fail(kind):
    raise {
        "ValueError": ValueError("no", 1, None),
        "KeyError": KeyError("ünïcode"),
        "OwnError": OwnError("mine", {"a": [1]}),
        "empty": RuntimeError(),
    }[kind]


@app.task(name="python.ignore", bind=True, acks_late=True)
def ignore(self):
    self.update_state(state="SEEN", meta="here")
    raise Ignore()


@app.task(name="python.reject", bind=True, acks_late=True)
def reject(self):
    self.update_state(state="SEEN")
    raise Reject("not mine")


@app.task(name="python.slow", soft_time_limit=1)
def slow():
    time.sleep(20)


@app.task(name="python.die")
def die():
    os.kill(os.getpid(), signal.SIGKILL)


@app.task(name="python.delegate")
def delegate():
    """Calls a task of the other half."""
    return app.send_task("typescript.request").id


@app.task(name="python.promise")
def promise(*numbers):
    """The results of calls of the other half: one, or a group."""
    calls = group(app.signature("typescript.add", (number,)) for number in numbers)
    return calls() if len(numbers) > 1 else calls.tasks[0].delay()


@app.task(name="python.flaky", bind=True, max_retries=3)
def flaky(self, times, **options):
    """Fails so many times, and then tells how often it was retried."""
    if self.request.retries < times:
        raise self.retry(exc=OwnError("not yet"), **options)
    return self.request.retries


@app.task(name="python.say", bind=True, acks_late=True)
def say(self, *given):
    """A task of test/support/canvas-model: its last argument says who it is and what becomes of it."""
    *args, plan = given
    name, fate, prefix = plan["name"], plan["fate"], plan["prefix"]
    app.backend.client.rpush(prefix + "runs", json.dumps({"name": name, "args": args}))
    if fate == "fails":
        raise ValueError(name)
    if fate == "retried" and self.request.retries == 0:
        raise self.retry(countdown=0.3)  # Celery stores RETRY when the next run may have ended already
    if isinstance(fate, dict) and "becomes" in fate:
        raise self.replace(Builder(app, prefix, plan["side"], bearer_of(fate["becomes"])).build(fate["becomes"]))
    if isinstance(fate, dict):
        self.add_to_chord(Builder(app, prefix, plan["side"]).build(fate["adds"]))
    return [name, *args]


@app.task(name="python.heard", bind=True, acks_late=True)
def heard(self, failed, plan):
    """An errback of test/support/canvas-model."""
    prefix = plan["prefix"]
    app.backend.client.rpush(prefix + "errbacks", json.dumps({"name": plan["name"], "failed": failed.removeprefix(prefix)}))


@app.task(name="both.where")
def where():
    return "python"


@app.task(name="both.hold")
def hold():
    return "python"


@app.task(name="both.wander", bind=True)
def wander(self, *stations):
    """Is retried from queue to queue, and tells where it ended."""
    if self.request.retries < len(stations):
        raise self.retry(countdown=0.1, queue=stations[self.request.retries])
    return ["python", self.request.retries]
