import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { leaveOut } from "./left-out.ts";
import { output, programsNamed } from "./processes.ts";

/** Environment variable with the path of a Node that has `node:sqlite` unflagged. Set to nothing, its tests are left out. */
const ANOTHER_NODE = "CELERIAC_TEST_NODE24";

/** The first release that has `node:sqlite` without a flag. */
const FIRST = { major: 22, minor: 13 };
const INSTALLED_IN = resolve(".cache/node24");

/** For vitest's `globalSetup`: tells the tests in the environment where such a Node is. Without it they are to be skipped. */
export async function provideAnotherNode(): Promise<void> {
  const path = await anotherNode();
  if (path !== undefined) process.env[ANOTHER_NODE] = path;
}

/** The path of a Node ≥ 22.13, found or installed from npm; undefined, and said loudly, where there is none to be had. */
async function anotherNode(): Promise<string | undefined> {
  const named = process.env[ANOTHER_NODE];
  if (named === "") {
    leaveOut("tests on node:sqlite", `${ANOTHER_NODE} is set to nothing`);
    return undefined;
  }
  if (named !== undefined) {
    if (await isNewEnough(named)) return named;
    throw new Error(`${ANOTHER_NODE} names no Node ≥ ${FIRST.major}.${FIRST.minor}: ${named}`);
  }
  return (await findInstalled()) ?? (await install());
}

async function findInstalled(): Promise<string | undefined> {
  const candidates = [process.execPath, ...["node24", "node22", "node"].flatMap(programsNamed), installedPath()];
  for (const candidate of candidates) {
    if (existsSync(candidate) && (await isNewEnough(candidate))) return candidate;
  }
  return undefined;
}

/** npm's packages of Node itself carry the binary; nothing else is downloaded. */
async function install(): Promise<string | undefined> {
  const name = packageName();
  console.log(`Installing ${name}@24 (npm) for the tests on node:sqlite.`);
  try {
    await output("npm", ["install", "--no-save", "--no-audit", "--no-fund", "--prefix", INSTALLED_IN, `${name}@24`]);
    return installedPath();
  } catch (error) {
    leaveOut("tests on node:sqlite", `no Node ≥ ${FIRST.major}.${FIRST.minor} here, and ${String(error)}`);
    return undefined;
  }
}

function installedPath(): string {
  return resolve(INSTALLED_IN, "node_modules", packageName(), "bin/node");
}

function packageName(): string {
  return `node-${process.platform}-${process.arch}`;
}

async function isNewEnough(path: string): Promise<boolean> {
  const version = await output(path, ["--version"], { timeout: 10_000 }).catch(() => "");
  const [, major, minor] = /^v(\d+)\.(\d+)\./.exec(version) ?? [];
  if (major === undefined || minor === undefined) return false;
  return Number(major) > FIRST.major || (Number(major) === FIRST.major && Number(minor) >= FIRST.minor);
}
