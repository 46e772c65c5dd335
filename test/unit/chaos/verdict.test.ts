import { describe, expect, it } from "vitest";
import type { Entry, Run } from "../../../chaos/journal.ts";
import type { Shot } from "../../../chaos/shooter.ts";
import { judge, type Evidence } from "../../../chaos/verdict.ts";

const [WORKER, HEIR] = [100, 200];

describe("the kill hunt finds nothing to blame", () => {
  it("in a call that was sent, run once, and stored", () => {
    expect(judge(evidenceOf([...sent("a"), begun("a", 10), ended("a", 20)])).broken).toEqual([]);
  });

  it("in a second run of what its worker was killed over", () => {
    const journal = [...sent("a"), begun("a", 10), begun("a", 20_010, HEIR, 2), ended("a", 20_020, HEIR)];
    const verdict = judge(evidenceOf(journal, { shots: [killed(15)] }));
    expect(verdict.broken).toEqual([]);
    expect(verdict.counts).toMatchObject({ "runs again after a shot": 1, "longest takeover, ms": 19_995 });
  });

  it("in a second run of what a worker gave up that heard a QUIT a moment after the first had begun", () => {
    const again = [begun("a", 90, HEIR, 2), ended("a", 95, HEIR)];
    const journal = [...sent("a"), begun("a", 10), ended("a", 20), ...again];
    const shots: readonly Shot[] = [{ ...killed(5), signal: "SIGQUIT" }];
    expect(judge(evidenceOf(journal, { shots })).broken).toEqual([]);
  });

  it("in a second run of what a process of a pool began a moment after its worker was killed", () => {
    const child = { pid: 101, parent: WORKER };
    const first = [{ ...begun("a", 20), ...child } as Entry, { ...ended("a", 30), ...child } as Entry];
    const journal = [...sent("a"), ...first, begun("a", 20_010, HEIR, 2), ended("a", 20_020, HEIR)];
    expect(judge(evidenceOf(journal, { shots: [killed(9)] })).broken).toEqual([]);
    expect(judge(evidenceOf(journal, { shots: [killed(-1_000)] })).broken).toHaveLength(1);
  });

  it("in a call that was cut off with its producer, whether it came through or not", () => {
    const journal = [sending("a"), sending("b"), begun("b", 10), ended("b", 20)];
    expect(judge(evidenceOf(journal, { states: new Map([["b", "SUCCESS"]]) })).broken).toEqual([]);
  });

  it("in a second run of what a worker could not acknowledge before its end, since the broker was away", () => {
    const again = [begun("a", 30_010, HEIR, 2), ended("a", 30_020, HEIR)];
    const journal = [...sent("a"), begun("a", 10), ended("a", 20), ...again];
    expect(judge(evidenceOf(journal, { shots: [outage(15, 8_000), killed(9_000)] })).broken).toEqual([]);
    expect(judge(evidenceOf(journal, { shots: [outage(15, 8_000)] })).broken).toHaveLength(1);
  });

  it("in a second run of what could not be acknowledged for a while, since its connection was cut", () => {
    const again = [begun("a", 30_010, HEIR, 2), ended("a", 30_020, HEIR)];
    const journal = [...sent("a"), begun("a", 10), ended("a", 20), ...again];
    const cut: Shot = { pid: 0, of: "connection", signal: "CLIENT KILL", at: 25, until: 26 };
    expect(judge(evidenceOf(journal, { shots: [cut, killed(9_000)] })).broken).toEqual([]);
    expect(judge(evidenceOf(journal, { shots: [cut, killed(11_000)] })).broken).toHaveLength(1);
  });

  it("in a second run of what a Python worker held when the broker was away: it forgets that, as it may", () => {
    const python = { runtime: "python" } as const;
    const again = [begun("a", 9_000, HEIR, 2), ended("a", 9_010, HEIR)];
    const journal = [...sent("a"), { ...begun("a", 10), ...python }, { ...ended("a", 20), ...python }, ...again];
    expect(judge(evidenceOf(journal, { shots: [outage(15, 200)] })).broken).toEqual([]);
  });

  it("in a second run of what was sent while the broker went away: the sender could not know, and tried again", () => {
    const again = [begun("a", 40), ended("a", 50)];
    const journal = [...sent("a"), begun("a", 20), ended("a", 30), ...again];
    expect(judge(evidenceOf(journal, { shots: [outage(0, 10)] })).broken).toEqual([]);
    expect(judge(evidenceOf(journal, { shots: [outage(2, 10)] })).broken).toHaveLength(1);
  });

  it("in a call that was waiting when one of Celery's workers was killed, which may have popped it and not noted it yet: one for each", () => {
    const shots: readonly Shot[] = [{ ...killed(15), of: "python" }];
    const verdict = judge(evidenceOf(sent("a"), { shots }));
    expect(verdict.broken).toEqual([]);
    expect(verdict.counts).toMatchObject({ "calls that Celery lost between its pop and its note": 1 });
    expect(judge(evidenceOf([...sent("a"), ...sent("b")], { shots })).broken).toHaveLength(1);
    expect(judge(evidenceOf([...sent("a"), begun("a", 10)], { shots })).broken).toEqual(["1 calls were lost: a"]);
    expect(judge(evidenceOf(sent("a"), { shots: [{ ...killed(0), of: "python" }] })).broken).toHaveLength(1);
  });

  it("in the runs that a retry asked for", () => {
    const journal = [...sent("a"), begun("a", 10), { ...ended("a", 12), what: "retried" } as Entry];
    expect(judge(evidenceOf([...journal, { ...begun("a", 50), retries: 1 }, ended("a", 60)])).broken).toEqual([]);
  });
});

describe("the kill hunt finds", () => {
  it("a call that was sent and never done", () => {
    expect(judge(evidenceOf([...sent("a"), begun("a", 10)])).broken).toEqual(["1 calls were lost: a"]);
  });

  it("a call without a result", () => {
    const journal = [...sent("a"), begun("a", 10), ended("a", 20)];
    expect(judge(evidenceOf(journal, { states: new Map() })).broken).toEqual(["1 calls have no SUCCESS: a"]);
  });

  it("a second run that no shot explains: none at all, one at another worker, one before, one long after", () => {
    const journal = [...sent("a"), begun("a", 10), ended("a", 20), begun("a", 90, HEIR, 2), ended("a", 95, HEIR)];
    for (const shots of [[], [{ ...killed(15), pid: 300 }], [killed(5)], [killed(9_000)]]) {
      expect(judge(evidenceOf(journal, { shots })).broken).toEqual([
        "1 calls ran again without a shot: a 0: 1 runs more than asked for, 0 of them hit",
      ]);
    }
  });

  it("a third run for one shot", () => {
    const again = [begun("a", 30, HEIR, 2), ended("a", 40, HEIR), begun("a", 50, HEIR, 3), ended("a", 60, HEIR)];
    const verdict = judge(evidenceOf([...sent("a"), begun("a", 10), ...again], { shots: [killed(15)] }));
    expect(verdict.broken).toEqual([
      "1 calls ran again without a shot: a 0: 2 runs more than asked for, 1 of them hit",
    ]);
  });

  it("a takeover that takes too long, while younger calls run", () => {
    const journal = [...sent("a"), begun("a", 10), begun("a", 31_000, HEIR, 2), ended("a", 31_010, HEIR)];
    expect(judge(evidenceOf(journal, { shots: [killed(15)] })).broken).toEqual([]);
    const younger = [{ ...sending("b"), dueAt: 11 }, begun("b", 30_900), ended("b", 30_950)];
    expect(judge(evidenceOf([...journal, ...younger], { shots: [killed(15)] })).broken).toEqual([
      "1 takeovers took more than 30000 ms: 30985",
    ]);
  });

  it("a call that ran before its time, a worker that ended by itself, a dead letter and what is left in the queue", () => {
    const journal = [{ ...sending("a"), dueAt: 11 }, ...sent("a").slice(1), begun("a", 10), ended("a", 20)];
    const { broken } = judge(
      evidenceOf(journal, {
        workerExits: [{ pid: 7, at: 5, how: "1" }],
        deadLetters: ["unreadable"],
        left: 3,
      }),
    );
    expect(broken).toEqual([
      "1 calls ran before their time: a",
      "1 workers ended without a shot: 7: 1",
      "1 messages are dead letters: unreadable",
      "3 messages are left in the queue.",
    ]);
  });
});

function evidenceOf(journal: readonly Entry[], more: Partial<Evidence> = {}): Evidence {
  const states = new Map(journal.map(({ id }) => [id, "SUCCESS"]));
  return { journal, shots: [], workerExits: [], states, left: 0, deadLetters: [], ...more };
}

type Begun = Run & { readonly id: string; readonly at: number; readonly what: "begun" };

function sending(id: string): Extract<Entry, { what: "sending" }> {
  return { id, at: 0, what: "sending", dueAt: 0 };
}

function sent(id: string): readonly Entry[] {
  return [sending(id), { id, at: 1, what: "sent" }];
}

function begun(id: string, at: number, pid: number = WORKER, deliveries = 1): Begun {
  return { id, at, what: "begun", retries: 0, deliveries, pid, parent: 1 };
}

function ended(id: string, at: number, pid: number = WORKER): Entry {
  return { ...begun(id, at, pid), what: "ended" };
}

function outage(at: number, until: number): Shot {
  return { pid: 1, of: "broker", signal: "SIGSTOP", at, until };
}

function killed(at: number): Shot {
  return { pid: WORKER, of: "worker", signal: "SIGKILL", at, until: at };
}
