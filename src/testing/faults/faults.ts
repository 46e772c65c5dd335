import { suggest } from "../../util/suggest.ts";
import type { Message } from "../../message/message.ts";
import { durationMs, type Duration } from "../duration.ts";
import { nameOfTask, type TaskName } from "../task-name.ts";
import type { Outage } from "./outage.ts";

/** Which deliveries a fault strikes. */
export interface FaultTarget {
  /** Only deliveries of this task. @default any */
  readonly task?: TaskName;
  /** How many deliveries. @default 1 */
  readonly times?: number;
}

/** What befalls one delivery. */
export type Fault =
  | { readonly kind: "kill-after-pop" | "kill-before-ack" | "duplicate" }
  | { readonly kind: "delay"; readonly ms: number };

interface Planned {
  readonly fault: Fault;
  readonly task: string | undefined;
  /** Deliveries that it will still strike. */
  left: number;
  /** Ids of the calls that it has struck. */
  readonly struck: Set<string | undefined>;
}

/** These would strike what they have brought about themselves. */
const ONCE_A_CALL: ReadonlySet<Fault["kind"]> = new Set(["duplicate", "delay"]);

/** Faults on order. Each strikes the next deliveries that it is meant for, the one that was ordered first before the others. */
export class Faults {
  readonly #outage: Outage;
  readonly #taskNames: () => readonly string[];
  readonly #planned: Planned[] = [];

  /** `taskNames` are those that a target may name. */
  constructor(outage: Outage, taskNames: () => readonly string[]) {
    this.#outage = outage;
    this.#taskNames = taskNames;
  }

  /** The worker dies with the message in its hands, before the task runs. The message comes again when its lease has run out. */
  killAfterPop(target?: FaultTarget): void {
    this.#plan({ kind: "kill-after-pop" }, target);
  }

  /** The worker dies after the task has run and its result is stored, before the acknowledgement. The message comes again when its lease has run out. */
  killBeforeAck(target?: FaultTarget): void {
    this.#plan({ kind: "kill-before-ack" }, target);
  }

  /** The acknowledgement gets lost on its way: the message is delivered once more. Strikes a call at most once. */
  duplicate(target?: FaultTarget): void {
    this.#plan({ kind: "duplicate" }, target);
  }

  /** The message arrives so much later than it should. Strikes a call at most once. */
  delay(by: Duration, target?: FaultTarget): void {
    this.#plan({ kind: "delay", ms: durationMs(by) }, target);
  }

  /** The broker refuses every call for so long. What was sent before is there afterwards. */
  brokerAway(duration: Duration): void {
    this.#outage.begin(durationMs(duration), "refused");
  }

  /** The broker does not answer for so long, and then all at once. */
  brokerSilent(duration: Duration): void {
    this.#outage.begin(durationMs(duration), "silent");
  }

  /** What befalls this delivery, as the store asks. @internal */
  strike({ headers, properties }: Message): Fault | undefined {
    const id = properties.correlationId;
    const planned = this.#planned.find(
      ({ fault, task, left, struck }) =>
        left > 0 && (task ?? headers["task"]) === headers["task"] && !(ONCE_A_CALL.has(fault.kind) && struck.has(id)),
    );
    if (planned === undefined) return undefined;
    planned.left -= 1;
    planned.struck.add(id);
    return planned.fault;
  }

  /** A fault that can never strike would make a test that shows nothing. */
  #refuseUnknown(name: string): void {
    const names = this.#taskNames();
    if (names.includes(name)) return;
    const meant = suggest(name, names);
    const hint = meant === undefined ? "" : ` Did you mean "${meant}"?`;
    throw new RangeError(`The app has no task "${name}" that a fault could strike.${hint}`);
  }

  #plan(fault: Fault, { task, times = 1 }: FaultTarget = {}): void {
    const name = task === undefined ? undefined : nameOfTask(task);
    if (name !== undefined) this.#refuseUnknown(name);
    this.#planned.push({ fault, task: name, left: times, struck: new Set() });
  }
}
