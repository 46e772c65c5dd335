"""Canvases from the plain trees of test/support/canvas-model/canvas.ts, built with Celery's own constructors."""

from celery import chain, chord, group


class Builder:
    """Gives each task the id `prefix` + name. `side` runs what does not say who runs it. `bearer` is the one task that keeps the id of the task
    that it replaces."""

    def __init__(self, app, prefix, side, bearer=None):
        self.app = app
        self.prefix = prefix
        self.side = side
        self.bearer = bearer

    def build(self, tree):
        kind = tree["kind"]
        if kind == "task":
            return self.step(tree)
        if kind == "group":
            built = group([self.build(member) for member in tree["members"]])
        elif kind == "chain":
            built = chain([self.build(step) for step in tree["steps"]])
        else:
            built = chord([self.build(member) for member in tree["header"]], self.build(tree["body"]))
        return self.linked(built, tree)

    def step(self, tree):
        fate = tree.get("fate", "well")
        built = self.app.signature(
            tree.get("side", self.side) + ".say",
            args=[{"name": tree["name"], "fate": fate, "prefix": self.prefix, "side": self.side}],
            immutable=tree.get("immutable", False),
        )
        if tree["name"] != self.bearer:
            built.set(task_id=self.prefix + tree["name"])
        if fate == "expired":
            built.set(expires="2001-01-01T00:00:00+00:00")
        return self.linked(built, tree)

    def linked(self, built, tree):
        for link in tree.get("links", []):
            built.link(self.build(link))
        for name in tree.get("errbacks", []):
            built.link_error(self.app.signature(self.side + ".heard", args=[{"name": name, "prefix": self.prefix}]))
        return built


def bearer_of(tree):
    """The name of the task whose result is the whole tree's; None where that is a group's."""
    while tree["kind"] != "task":
        if tree["kind"] == "group":
            return None
        tree = tree["steps"][-1] if tree["kind"] == "chain" else tree["body"]
    return tree["name"]
