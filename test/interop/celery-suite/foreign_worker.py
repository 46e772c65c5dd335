"""A pytest plugin for Celery's integration tests: in place of a worker in their own process, they get the one that the shell command WORKER starts, which calls
itself CONF_NODENAME. Each test's outcome is told on file descriptor 3, as a line of JSON. It has to be loaded before the tests' own conftest.py, which imports what
is replaced here, as `-p` does."""

import functools
import json
import os
import signal
import subprocess
import threading
import time

import celery.contrib.pytest
import celery.contrib.testing.manager
import celery.result
import celery.utils.nodenames
import pytest
import redis
from celery import Celery
from messages_taken import MessagesTaken

NODE = os.environ["CONF_NODENAME"]
BROKER = os.environ["TEST_BROKER"]
# The tests that are left out, or files of them, and why.
LEFT_OUT = json.loads(os.environ.get("LEFT_OUT", "{}"))
# Where a RabbitMQ holds what is not due.
DELAYED = [f"celery_delayed_{level}" for level in range(28)] + [f"celeriac_delayed_{ms}ms" for ms in range(100, 1000, 100)]
# In seconds: a worker that has not ended its tasks by then, after a test, is started afresh.
PATIENCE = 20
# Tests that themselves wait for longer than others may take, in seconds.
LONGEST = {
    "test_disabling_flag_allow_error_cb_on_chord_header": 300,
    "test_enabling_flag_allow_error_cb_on_chord_header": 240,
    "test_flag_allow_error_cb_on_chord_header_on_upgraded_chord": 240,
    "test_error_propagates_from_chord": 120,
    "test_expired": 90,
    "test_large_group_pipeline": 120,
    "test_nested_chord_header_link_error": 120,
    "test_retry": 90,
    "test_revoked_by_headers_complex_canvas": 180,
}


class ForeignWorker:
    """Its process, with all that this starts, is a session of its own."""

    def __init__(self):
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            os.environ["WORKER"], shell=True, stdin=subprocess.DEVNULL, start_new_session=True
        )
        with Celery(broker=BROKER, set_as_current=False) as probe:
            for _ in range(30):
                if self.process.poll() is not None:
                    break
                if probe.control.ping(destination=[NODE], timeout=1):
                    probe.control.enable_events(destination=[NODE])
                    return
        raise pytest.UsageError("The worker does not answer.")

    def stop(self):
        if self.process is None:
            return
        for how in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, how)
                self.process.wait(5)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                pass

    def start_afresh(self):
        """Without anything that a worker has left in the Redis, which has to be the tests' own, or in the RabbitMQ."""
        self.stop()
        connection = redis.Redis(os.environ["REDIS_HOST"], int(os.environ["REDIS_PORT"]))
        if connection.info("server")["process_id"] == int(os.environ["REDIS_PID"]):
            connection.flushdb()
        if not BROKER.startswith("redis"):
            self.empty_rabbitmq()
        self.start()

    @staticmethod
    def empty_rabbitmq():
        with Celery(broker=BROKER, set_as_current=False) as probe, probe.connection() as connection:
            probe.control.purge(connection)
            for queue in DELAYED:
                connection.default_channel.queue_delete(queue)  # one that is not there as well

    def has(self, pid):
        return os.getsid(pid) == self.process.pid


class SuccessfulRequests:
    """In place of `celery.worker.state.successful_requests`: the ids that the worker's events tell."""

    def __init__(self):
        self.ids = set()

    def __contains__(self, task_id):
        return task_id in self.ids

    def listen(self):
        threading.Thread(target=self.receive, daemon=True).start()

    def receive(self):
        app = Celery(broker=BROKER, set_as_current=False)
        with app.connection_for_read() as connection:
            handlers = {"task-succeeded": lambda event: self.ids.add(event["uuid"])}
            app.events.Receiver(connection, handlers=handlers).capture(limit=None, timeout=None)


worker = ForeignWorker()
messages_taken = MessagesTaken(BROKER)
successful_requests = SuccessfulRequests()


@pytest.fixture(scope="session")
def celery_session_worker(celery_session_app, celery_includes, celery_class_tasks):
    for module in celery_includes:
        celery_session_app.loader.import_task_module(module)
    for task in celery_class_tasks:
        celery_session_app.register_task(task)
    messages_taken.listen()
    successful_requests.listen()
    worker.start()
    return worker


celery.contrib.pytest.celery_session_worker = celery_session_worker
celery.utils.nodenames.anon_nodename = lambda *_: NODE


def wait_until_idle(manager):
    """As Celery's own, which waits for ever, and leaves its queue to the next test."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        manager.app.control.purge()
        active = manager.app.control.inspect(destination=[NODE]).active()
        if active is not None and not active[NODE]:
            return
    worker.start_afresh()


celery.contrib.testing.manager.ManagerMixin.wait_until_idle = wait_until_idle


def telling_first(get):
    """What was received before a result was there has been told of by then."""

    @functools.wraps(get)
    def wrapped(*args, **kwargs):
        try:
            return get(*args, **kwargs)
        finally:
            messages_taken.catch_up()

    return wrapped


for results in (celery.result.AsyncResult, celery.result.ResultSet):
    results.get = telling_first(results.get)


class ProcessOfWorker:
    """In place of `os`, of which the tests of inspection want to know the worker's process."""

    @staticmethod
    def getpid():
        with Celery(broker=BROKER, set_as_current=False) as probe:
            pid = probe.control.inspect(destination=[NODE]).stats()[NODE]["pid"]
        assert worker.has(pid), f"{pid} is no process of the worker"
        return pid


class Revoked:
    """In place of `celery.worker.state.revoked`: the ids that the worker tells."""

    @staticmethod
    def as_dict():
        with Celery(broker=BROKER, set_as_current=False) as probe:
            return dict.fromkeys(probe.control.inspect(destination=[NODE]).revoked()[NODE], time.monotonic())

    @staticmethod
    def discard(_task_id):
        pass


class RevokedStamps:
    """In place of `celery.worker.state.revoked_stamps`, which no command clears."""

    @staticmethod
    def clear():
        worker.start_afresh()


class StateOfWorker:
    """In place of `celery.worker.state`."""

    revoked = Revoked
    revoked_stamps = RevokedStamps
    successful_requests = successful_requests


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    for item in items:
        item.own_markers = [mark for mark in item.own_markers if mark.name not in ("flaky", "timeout")]
        if item.originalname in LONGEST:
            item.add_marker(pytest.mark.timeout(LONGEST[item.originalname]))
        _, _, name = item.nodeid.partition("t/integration/")
        for left_out, reason in LEFT_OUT.items():
            if name == left_out or name.startswith((f"{left_out}::", f"{left_out}[")):
                item.add_marker(pytest.mark.skip(reason=reason))
    for module in {item.module for item in items}:
        for name, replacement in (("os", ProcessOfWorker), ("worker_state", StateOfWorker)):
            if hasattr(module, name) and module.__name__.endswith(("test_inspect", "test_tasks")):
                setattr(module, name, replacement)


outcomes = {}


def pytest_runtest_logreport(report):
    """A test has as many reports as it has phases and subtests; the worst counts."""
    so_far = outcomes.setdefault(report.nodeid, {"outcome": "passed", "detail": "", "seconds": 0})
    so_far["seconds"] += getattr(report, "duration", 0)
    if report.outcome != "passed" and so_far["outcome"] != "failed":
        so_far.update(outcome=report.outcome, detail=detail_of(report))
    if report.when == "teardown":
        with open(3, "w", closefd=False) as told:
            print(json.dumps({"name": report.nodeid, **so_far}), file=told)


def detail_of(report):
    if hasattr(report, "wasxfail"):
        return report.wasxfail
    return report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item, nextitem):
    """What a failed test has left behind is no other's burden."""
    if outcomes.get(item.nodeid, {}).get("outcome") == "failed" and worker.process is not None and nextitem is not None:
        worker.start_afresh()


def pytest_unconfigure():
    worker.stop()
