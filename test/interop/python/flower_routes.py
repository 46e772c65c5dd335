"""Prints what Flower answers, as JSON: `["GET /workers", …]`, by the patterns that it declares."""

import json

from flower.urls import handlers
from tornado.web import RequestHandler

METHODS = ("get", "post", "put", "patch", "delete")


def routes(pattern, handler, *_):
    own = [method for method in METHODS if getattr(handler, method) is not getattr(RequestHandler, method)]
    return [f"{method.upper()} {pattern.rstrip('$')}" for method in own or ["get"]]


declared = (entry if isinstance(entry, tuple) else (entry.regex.pattern, entry.handler_class) for entry in handlers)
print(json.dumps([route for entry in declared for route in routes(*entry)]))
