import type { ArgumentReader } from "../../control/argument-reader.ts";

/** By method, what a worker does and answers; what is thrown is answered as an error. */
export type Commands = Readonly<Record<string, (args: ArgumentReader) => unknown>>;
