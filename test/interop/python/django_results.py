"""A Django whose Celery has its results in a Postgres, by django-celery-results. The database is the first argument, as JSON; the schema of its
tables the second. Does what each line of JSON on standard input says, and answers with a line."""

import json
import sys

import django
from django.conf import settings
from django.core.management import call_command

database = {"ENGINE": "django.db.backends.postgresql", "OPTIONS": {"options": f"-c search_path={sys.argv[2]}"}}
settings.configure(
    DATABASES={"default": {**json.loads(sys.argv[1]), **database}},
    INSTALLED_APPS=["django_celery_results"],
    USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
)
django.setup()

from celery import Celery
from celery.result import AsyncResult, GroupResult
from django_celery_results.models import TaskResult

app = Celery("interop", broker="memory://", backend="django-db")


def migrate():
    call_command("migrate", "django_celery_results", verbosity=0)


def describe(value):
    if isinstance(value, BaseException):
        return {"class": type(value).__qualname__, "text": str(value)}
    return value


def read(task_id):
    """What a caller sees that waits for the result."""
    result = AsyncResult(task_id, app=app)
    return {
        "value": describe(result.get(timeout=20, propagate=False)),
        "state": result.state,
        "traceback": result.traceback,
        "children": [child.id for child in result.children or []],
    }


def get(task_id):
    return AsyncResult(task_id, app=app).get(timeout=20)


def look(task_id):
    """What there is by now."""
    result = AsyncResult(task_id, app=app)
    return {"value": describe(result.result), "state": result.state}


def row(task_id):
    """What Django's admin shows."""
    found = TaskResult.objects.get(task_id=task_id)
    return {
        "name": found.task_name,
        "args": found.task_args,
        "kwargs": found.task_kwargs,
        "worker": found.worker,
        "wasStarted": found.date_started is not None,
        "isDone": found.date_done >= found.date_created,
    }


def count(task_ids):
    return TaskResult.objects.filter(task_id__in=task_ids).count()


def group(group_id):
    result = GroupResult.restore(group_id, app=app)
    return result and {"ids": [child.id for child in result.results], "values": result.join(timeout=20)}


def clean_up():
    """What Celery's beat does each night, for results that are older than no time."""
    app.backend.expires = 0.000001
    app.backend.cleanup()


for line in sys.stdin:
    call = json.loads(line)
    try:
        answer = {"answer": globals()[call["do"]](*call["with"])}
    except Exception as error:
        kind = type(error)
        answer = {"raised": {"type": kind.__qualname__, "module": kind.__module__, "args": [repr(arg) for arg in error.args]}}
    print(json.dumps(answer), flush=True)
