import { CeleriacError } from "../util/errors.ts";

/** A canvas is not what it must be: it has a member that is no signature, or lacks a part. Nothing was published. */
export class CanvasError extends CeleriacError {
  readonly code = "CELERIAC_CANVAS";
}
