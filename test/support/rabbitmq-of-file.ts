import { afterAll } from "vitest";
import { RabbitVhost } from "./rabbitmq-vhost.ts";

let opening: Promise<RabbitVhost> | undefined;

// A hook of the test file that imports this.
afterAll(async () => (await opening)?.[Symbol.asyncDispose]());

/** The virtual host that all tests of a file share, made when the first of them needs it. */
export function vhostOfFile(): Promise<RabbitVhost> {
  return (opening ??= RabbitVhost.open());
}
