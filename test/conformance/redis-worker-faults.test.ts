import { systemClock } from "../../src/util/clock.ts";
import { deferred } from "../../src/util/deferred.ts";
import { FaultyPlace, FAULTS, type Fault } from "../support/redis-faults/faults.ts";
import { ROLES, Stage, type Role } from "../support/redis-faults/roles.ts";
import { describe, it } from "../support/with-redis.ts";

/** How long each fault lasts, in milliseconds: long enough for those to become slow that try again and again. */
const FAULT_MS = 4_000;
const TIMEOUT_MS = 90_000;

/** All at the same time: what they do most is to wait. */
const scenes = lazily(() => new Map(FAULTS.map((fault) => [fault, play(fault)])));

for (const fault of FAULTS) {
  describe(fault.name, { timeout: TIMEOUT_MS }, () => {
    for (const role of ROLES) {
      it(role.name, async () => {
        const scene = await scenes().get(fault);
        await scene?.get(role);
      });
    }
  });
}

/** What comes of each role. */
type Scene = ReadonlyMap<Role, Promise<void>>;

/** Has one fault happen to all roles at once, when all of them have begun. */
async function play(fault: Fault): Promise<Scene> {
  const place = await FaultyPlace.open();
  const [happened, healed] = [deferred(), deferred()];
  let isHealed = false;
  const begun: Promise<void>[] = [];
  const playOne = async (role: Role, index: number): Promise<void> => {
    const hasBegun = deferred();
    begun.push(hasBegun.promise);
    const happens = (): Promise<void> => {
      hasBegun.resolve();
      return happened.promise;
    };
    await using stage = new Stage(place, `role-${String(index)}:`);
    try {
      await role.play(stage, {
        fault,
        happens,
        healed: healed.promise,
        get isHealed() {
          return isHealed;
        },
      });
    } finally {
      hasBegun.resolve();
    }
  };
  const outcomes = ROLES.map(playOne);
  void Promise.allSettled(outcomes).then(() => place[Symbol.asyncDispose]());
  void (async () => {
    await Promise.all(begun);
    await fault.happen(place);
    happened.resolve();
    await systemClock.sleep(FAULT_MS);
    await fault.heal(place);
    isHealed = true;
    healed.resolve();
  })();
  return new Map(ROLES.map((role, index) => [role, outcomes[index] ?? Promise.resolve()]));
}

function lazily<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}
