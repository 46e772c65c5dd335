import type { Broker } from "../../broker/broker.ts";
import { ControlNode } from "../../control/control-node.ts";
import type { Logger } from "../../util/logger.ts";
import type { OpenParts } from "../parts.ts";
import { untilThere } from "../until-there.ts";
import type { ControlledWorker } from "./controlled-worker.ts";
import { controlPanel } from "./panel.ts";

export interface OpenControlOptions {
  readonly worker: ControlledWorker;
  readonly broker: Pick<Broker, "broadcaster">;
  readonly parts: OpenParts;
  readonly log: Logger;
  /** Aborts when it is no longer waited for. */
  readonly signal: AbortSignal;
}

/** Hears remote control as soon as the broker lets it; tasks run before that. Resolves with nothing where there is none. Never rejects. */
export async function openControl(options: OpenControlOptions): Promise<ControlNode | undefined> {
  const { worker, broker, parts, log, signal } = options;
  const { broadcaster } = broker;
  if (broadcaster === undefined) return undefined;
  const handlers = controlPanel(worker, parts);
  const { lamport, clock } = parts;
  try {
    const open = (): Promise<ControlNode> =>
      ControlNode.open({ broadcaster, node: worker.node, handlers, lamport, log });
    return await untilThere(open, { clock, log, signal });
  } catch (error) {
    if (!signal.aborted) log.error("remote control is not heard", { node: worker.node, error: String(error) });
    return undefined;
  }
}
