import { describe, expect, it } from "vitest";
import { childFlags } from "../../../src/worker/child-flags.ts";

const JAVASCRIPT = new URL("file:///dist/worker/pool-child.js");
const OWN = [
  ...["--inspect=9229", "--max-old-space-size=512", "--import", "tsx", "--conditions=dev"],
  ...["-r", "./before.cjs", "--enable-source-maps", "-e", "1 + 1"],
];

describe("Node's flags for a pool's child", () => {
  it("are this process's own, but for what only it is to do", () => {
    expect(childFlags({ threads: false, program: JAVASCRIPT, preload: [] }, OWN)).toEqual([
      ...["--max-old-space-size=512", "--import", "tsx", "--conditions=dev", "-r", "./before.cjs"],
      "--enable-source-maps",
    ]);
  });

  it("are for a thread only those that say how modules are loaded, as Node refuses others there", () => {
    const flags = ["--import", "tsx", "--conditions=dev", "-r", "./before.cjs"];
    expect(childFlags({ threads: true, program: JAVASCRIPT, preload: [] }, OWN)).toEqual(flags);
  });

  it("import what is to be imported first, in its order", () => {
    const preload = ["file:///a.js", "file:///b.js"];
    expect(childFlags({ threads: true, program: JAVASCRIPT, preload }, [])).toEqual([
      ...["--import", "file:///a.js"],
      ...["--import", "file:///b.js"],
    ]);
  });

  it("make TypeScript importable for a program in TypeScript, before all else that is preloaded", () => {
    const program = new URL("file:///src/worker/pool-child.ts");
    const [condition, , tsx, ...rest] = childFlags({ threads: true, program, preload: ["file:///a.js"] }, []);
    expect(condition).toBe("--conditions=@celeriac/source");
    expect(decodeURIComponent(String(tsx))).toMatch(/^data:text\/javascript,import \{ register \} from "file:.*tsx/);
    expect(rest).toEqual(["--import", "file:///a.js"]);
  });
});
