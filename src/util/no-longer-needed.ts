/**
 * Reason for aborting what only waits, such as a deadline that was kept. Without one, every abort makes a DOMException with
 * a stack: the dearest part of a send.
 */
export const NO_LONGER_NEEDED: Error = new Error("no longer needed");
