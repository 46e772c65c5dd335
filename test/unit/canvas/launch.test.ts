import { describe, expect, it } from "vitest";
import type { ResultNode } from "../../../src/backend/groups.ts";
import { chainDict, chordDict as chord, groupDict, withOptions } from "../../../src/canvas/dicts.ts";
import { freeze } from "../../../src/canvas/freeze.ts";
import { launch, type Launch } from "../../../src/canvas/launch.ts";
import { withPartials } from "../../../src/canvas/partials.ts";
import { UnreadableMessageError } from "../../../src/message/errors.ts";
import type { SignatureDict } from "../../../src/message/task-request.ts";
import { taskDict } from "../../support/signature-dict.ts";

const [a, b, c, d, e] = ["a", "b", "c", "d", "e"].map((name) => taskDict(name)) as [
  SignatureDict,
  SignatureDict,
  SignatureDict,
  SignatureDict,
  SignatureDict,
];

const chordDict = (header: readonly SignatureDict[], body: SignatureDict, options: object = {}): SignatureDict =>
  withOptions(chord(header, body), { ...options });

/** Ids are the numbers from 1, in the order in which they are given. */
function frozen(dict: SignatureDict): { readonly signature: SignatureDict; readonly result: ResultNode } {
  let last = 0;
  const found = freeze(dict, { newId: () => String((last += 1)) });
  if (found === undefined) throw new Error("There is nothing in it.");
  return found;
}

const launched = (dict: SignatureDict): Launch => launch(frozen(dict).signature);
const namesOf = (dicts: readonly SignatureDict[]): readonly string[] => dicts.map(nameOf);

/** `a`, `(a | b)`, `{a, b}`, `{a, b} > c`. */
function nameOf({ task, subtask_type: kind, kwargs }: SignatureDict): string {
  const inner = (name: string): readonly string[] => namesOf(kwargs[name] as readonly SignatureDict[]);
  if (kind === "chain") return `(${inner("tasks").join(" | ")})`;
  if (kind === "group") return `{${inner("tasks").join(", ")}}`;
  if (kind !== "chord") return task;
  return `${nameOf(kwargs["header"] as SignatureDict)} > ${nameOf(kwargs["body"] as SignatureDict)}`;
}

/** Each message as `task -> next step, step after`. */
const messages = ({ leads }: Launch): readonly string[] =>
  leads.map(({ call, chain }) => [call.task, ...(chain.length === 0 ? [] : [namesOf(chain).join(", ")])].join(" <- "));

/** A result as `id`, `[members]` and, before it, what came before. */
function line({ id, parent, members }: ResultNode): string {
  const own = members === null ? id : `${id}[${members.map(line).join(" ")}]`;
  return parent === null ? own : `${line(parent)} ${own}`;
}

describe("a frozen signature", () => {
  it.each([
    ["a task", a, "a", "1"],
    ["a chain", chainDict([a, b, c]), "(a | b | c)", "1 2 3"],
    ["a chain in a chain", chainDict([a, chainDict([b, c])]), "(a | b | c)", "1 2 3"],
    ["a chain of one", chainDict([a]), "(a)", "1"],
    ["a group", groupDict([a, b]), "{a, b}", "1[2 3]"],
    ["a group in a group", groupDict([a, groupDict([b, c]), d]), "{a, b, c, d}", "1[2 3 4 5]"],
    ["an empty group", groupDict([]), "{}", "1[]"],
    ["a group that something follows", chainDict([groupDict([a, b]), c]), "({a, b} > c)", "2[3 4] 1"],
    [
      "a group that a group follows",
      chainDict([groupDict([a, b]), groupDict([c, d])]),
      "({a, b} > {c, d})",
      "4[5 6] 1[2 3]",
    ],
    [
      "two groups and a task",
      chainDict([groupDict([a, b]), groupDict([c, d]), e]),
      "({a, b} > {c, d} > e)",
      "5[6 7] 2[3 4] 1",
    ],
    ["a group of one that something follows", chainDict([groupDict([a]), b]), "(a | b)", "1 2"],
    ["a chain in a group of one", chainDict([groupDict([chainDict([a, b])]), c]), "(a | b | c)", "1 2 3"],
    ["an empty group in a chain", chainDict([a, groupDict([]), b]), "(a | b)", "1 2"],
    [
      "a group of nothing but empty ones at the end",
      chainDict([a, groupDict([groupDict([]), chainDict([])])]),
      "(a)",
      "1",
    ],
    ["nothing but empty groups", chainDict([groupDict([]), groupDict([])]), "({})", "1[]"],
    ["a group at the end", chainDict([a, groupDict([b, c])]), "(a | {b, c})", "1 2[3 4]"],
    ["a chord", chordDict([a, b], c), "{a, b} > c", "2[3 4] 1"],
    ["a chord in a chain", chainDict([a, chordDict([b, c], d), e]), "(a | {b, c} > d | e)", "1 3[4 5] 2 6"],
    [
      "a chord with a group for its body, and what follows",
      chainDict([chordDict([a], groupDict([b, c])), d]),
      "({a} > {b, c} > d)",
      "5[6] 2[3 4] 1",
    ],
    ["a group that is led on", groupDict([a, b], { chain: [d, c] }), "({a, b} > c | d)", "2[3 4] 1 5"],
    ["an empty chain in a group", groupDict([a, chainDict([])]), "{a}", "1[2]"],
    ["a chain in a group", groupDict([chainDict([a, b]), c]), "{(a | b), c}", "1[2 3 4]"],
    ["a chord whose body is a chord", chordDict([a], chordDict([b], c)), "{a} > {b} > c", "4[5] 2[3] 1"],
  ])("is plain, and has a result for each of its ends: %s", (_, dict, plain, results) => {
    const { signature, result } = frozen(dict);
    expect(nameOf(signature)).toBe(plain);
    expect(line(result)).toBe(results);
  });

  it("stays as it is when it is frozen again", () => {
    const dict = chainDict([
      a,
      groupDict([b, chainDict([c, d])]),
      chordDict([a, b], chainDict([c, groupDict([d, e])])),
    ]);
    const once = frozen(dict);
    const never = (): never => {
      throw new Error("Everything has its id.");
    };
    expect(freeze(once.signature, { newId: never })).toEqual(once);
  });

  it("has the id that was asked for: a chain for its last task, a chord for its body", () => {
    expect(line(frozen(taskDict("a", { task_id: "mine" })).result)).toBe("mine");
    expect(line(frozen(chainDict([a, b], { task_id: "mine" })).result)).toBe("1 mine");
    expect(line(frozen(chordDict([a], b, { task_id: "mine" })).result)).toBe("1[2] mine");
    expect(line(frozen(chainDict([a, chordDict([b], c)], { task_id: "mine" })).result)).toBe("1 2[3] mine");
    expect(line(frozen(groupDict([a], { task_id: "mine" })).result)).toBe("mine[1]");
  });

  it("is nothing where it is a chain of nothing, and unreadable with a body that is", () => {
    expect(freeze(chainDict([]), { newId: () => "1" })).toBeUndefined();
    expect(() => frozen(chordDict([a], chainDict([])))).toThrow(UnreadableMessageError);
    expect(() => frozen({ ...groupDict([]), kwargs: { tasks: [7] } })).toThrow(UnreadableMessageError);
  });
});

describe("a signature that starts", () => {
  it.each([
    ["a task", a, ["a"]],
    ["a chain", chainDict([a, b, c]), ["a <- c, b"]],
    ["a group", groupDict([a, chainDict([b, c])]), ["a", "b <- c"]],
    ["a chord", chordDict([a, b], c), ["a", "b"]],
    ["a chain that begins with a chord", chainDict([chordDict([a, b], c), d]), ["a", "b"]],
    ["a chord in a chord's header", chordDict([chordDict([a, b], c), d], e), ["a", "b", "d"]],
    ["a chord without a header", chordDict([], a), ["a"]],
    ["a chain that is led on", chainDict([a, b], { chain: [d, c] }), ["a <- d, c, b"]],
  ])("sends what comes first, and takes the rest along: %s", (_, dict, sent) => {
    expect(messages(launched(dict))).toEqual(sent);
  });

  it("gives its arguments to what comes first, unless that is immutable", () => {
    const args = (dict: SignatureDict): unknown =>
      launch(withPartials(frozen(dict).signature, ["result"])).leads.map(({ call }) => call.args);
    const own = { ...b, args: [1] };
    expect(args(own)).toEqual([["result", 1]]);
    expect(args(chainDict([own, c]))).toEqual([["result", 1]]);
    expect(args(groupDict([own, { ...own, immutable: true }]))).toEqual([["result", 1], [1]]);
    expect(args(chordDict([own, a], c))).toEqual([["result", 1], ["result"]]);
    expect(args(chordDict([], c))).toEqual([[[]]]);
  });

  it("makes the members of a chord's header know their chord, and its body what follows", () => {
    const { leads, chords } = launched(chainDict([chordDict([a, chainDict([b, c])], d), e]));
    const [chord] = chords;
    expect(chord).toMatchObject({ id: "2", size: 2, header: undefined });
    expect(chord?.body).toMatchObject({ task: "d", options: { task_id: "1", group_id: "2" } });
    expect(namesOf(chord?.body.options["chain"] as readonly SignatureDict[])).toEqual(["e"]);
    expect(leads[0]?.call.options).toEqual({ task_id: "3", group_id: "2", group_index: 0, chord: chord?.body });
    expect(leads[1]?.call.options).not.toHaveProperty("chord");
    const [last] = leads[1]?.chain ?? [];
    expect(last?.options).toEqual({ task_id: "5", group_id: "2", group_index: 1, chord: chord?.body });
  });

  it.each([
    ["chains by their last task", chordDict([chainDict([a, b]), c], d), 2],
    ["chains by all of a group at their end", chordDict([chainDict([a, groupDict([b, c])]), d], e), 3],
    ["chords by their body", chordDict([chordDict([a, b], c), d], e), 2],
    ["chords by all of a group that is their body", chordDict([chordDict([a, b], groupDict([c, d]))], e), 2],
    ["groups by all that is in them", chordDict([groupDict([a, groupDict([b])]), c], d), 3],
  ])("counts the ends of a header: %s", (_, dict, size) => {
    expect(launched(dict).chords[0]?.size).toBe(size);
  });

  it("keeps what a header's results are where one of them is more than a value", () => {
    const { chords } = launched(chordDict([chainDict([a, groupDict([b, c])]), d], e));
    expect(chords[0]?.header && line(chords[0].header)).toBe("2[4[5 6] 7]");
    expect(launched(chordDict([chainDict([a, b])], c)).chords[0]?.header).toBeUndefined();
  });

  it("says of a whole what concerns its parts: whom it leads to, who hears of its failure, and when and where it starts", () => {
    const said = { link: [taskDict("link")], link_error: [taskDict("errback")], countdown: 5, queue: "q" };
    const told = (dict: SignatureDict): unknown => {
      const { leads, chords } = launched(dict);
      const show = ({ task, options }: SignatureDict): string =>
        [task, ...Object.keys(said).filter((name) => name in options)].join(" ");
      return [...leads.flatMap(({ call, chain }) => [call, ...chain]), ...chords.map(({ body }) => body)].map(show);
    };
    expect(told(chainDict([a, b], said))).toEqual(["a link_error countdown queue", "b link link_error"]);
    expect(told(groupDict([a, b], said))).toEqual([
      "a link link_error countdown queue",
      "b link_error countdown queue",
    ]);
    expect(told(chordDict([a, b], c, said))).toEqual([
      "a countdown queue",
      "b countdown queue",
      "c link link_error queue",
    ]);
  });

  it("never changes a stamp or a group that a part has already", () => {
    const stamped = taskDict("a", { stamped_headers: ["tenant"], tenant: "own", group_id: "own" });
    const { leads } = launched(groupDict([stamped], { stamped_headers: ["other"], tenant: "theirs", other: 1 }));
    expect(leads[0]?.call.options).toMatchObject({ stamped_headers: ["tenant"], tenant: "own", group_id: "own" });
  });
});
