"""
The same tasks as in app.ts, for Celery's own workers beside ours: the same names, and the same lines in the journal (`CHAOS_JOURNAL`).

What a Python worker holds, Celery gives to another one `CHAOS_VISIBILITY_S` seconds after it was taken, whether it is being worked on or not. So no run here takes
longer than `LONGEST_S`, however long was asked for: what is judged is not that rule. What lasts, lasts in Celeriac's workers, which renew.
"""

import json
import os
import time
import uuid

from celery import Celery
from celery.signals import worker_process_init

LONGEST_S = 1.5
CHILDREN = 2

parent = 0
journal = os.open(os.environ.get("CHAOS_JOURNAL", os.devnull), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

app = Celery("chaos", broker=os.environ["CELERY_BROKER_URL"], backend=os.environ["CELERY_RESULT_BACKEND"])
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    # What waits in a worker for its turn is not renewed either.
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
    broker_transport_options={
        "visibility_timeout": float(os.environ.get("CHAOS_VISIBILITY_S", "6")),
        "unacked_restore_interval": 1,
        "unacked_restore_throttle": 1,
        # In seconds. One that is killed while it gives such things to others keeps all others from it for so long.
        "unacked_mutex_expire": 5,
    },
)


@worker_process_init.connect
def remember_parent(**_):
    """Once it is killed, nobody else knows."""
    global parent
    parent = os.getppid()


def write(call, what, **more):
    line = {"id": call, "at": int(time.time() * 1000), "what": what, **more}
    os.write(journal, ("\n" + json.dumps(line, separators=(",", ":")) + "\n").encode())


def write_run(task, what, **more):
    request = task.request
    run = {"retries": request.retries, "deliveries": 2 if is_redelivered(task) else 1, "runtime": "python"}
    write(request.id, what, **run, pid=os.getpid(), parent=parent, **more)


def is_redelivered(task):
    return bool((task.request.delivery_info or {}).get("redelivered"))


def last(ms):
    time.sleep(min(ms / 1000, LONGEST_S))


def send(task, *args):
    call = str(uuid.uuid4())
    write(call, "sending", dueAt=int(time.time() * 1000))
    try:
        task.apply_async(args, task_id=call, retry=False)
    except Exception:
        write(call, "refused")
    else:
        write(call, "sent")


@app.task(name="nap", bind=True)
def nap(self, ms):
    write_run(self, "begun")
    last(ms)
    write_run(self, "ended")
    return self.request.id


@app.task(name="spin", bind=True)
def spin(self, ms):
    write_run(self, "begun")
    end = time.monotonic() + min(ms / 1000, LONGEST_S)
    while time.monotonic() < end:
        pass
    write_run(self, "ended")
    return self.request.id


@app.task(name="stumble", bind=True, max_retries=None)
def stumble(self, times, delay_ms):
    write_run(self, "begun")
    last(5)
    if self.request.retries < times:
        write_run(self, "retried")
        raise self.retry(countdown=delay_ms / 1000)
    write_run(self, "ended")
    return self.request.id


@app.task(name="beget", bind=True)
def beget(self):
    write_run(self, "begun")
    for _ in range(CHILDREN):
        send(nap, 5)
    write_run(self, "ended")
    return self.request.id


@app.task(name="crash", bind=True)
def crash(self):
    write_run(self, "begun")
    last(20)
    if not is_redelivered(self):
        write_run(self, "crashed", takes="run")
        os._exit(9)
    write_run(self, "ended")
    return self.request.id
