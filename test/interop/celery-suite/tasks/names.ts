import type { Canvas } from "celeriac";

/** A canvas in Celery's JSON form. */
export type CanvasDict = ReturnType<Canvas["toDict"]>;

/** Celery's tests and their tasks are this module. */
export const MODULE = "t.integration.tasks";

/** The name under which Celery's tests know a task of theirs. */
export function nameOf<Name extends string>(name: Name): `${typeof MODULE}.${Name}` {
  return `${MODULE}.${name}`;
}
