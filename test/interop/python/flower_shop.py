"""The shop for `celery -A flower_shop flower`, which limits and applies a task only if its own app has it: so it has the other half's by name."""

from shop import app


def of_other_half(*_args):
    """Runs in TypeScript alone."""


for name in ("typescript.add", "typescript.echo", "typescript.started"):
    app.task(of_other_half, name=name)
