/**
 * Makes a fresh clone runnable, with nothing but Node and npm. Run as a program it does all of it: `npm run build`.
 * No dependencies: it runs before they are installed.
 */
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, readFileSync, readdirSync, renameSync, rmSync, statSync, utimesSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "..");

const NPM = process.platform === "win32" ? "npm.cmd" : "npm";

/** Installs what package-lock.json names, unless exactly that is there already. */
export function ensureInstalled() {
  const reason = whyInstall();
  if (reason === undefined) return;
  console.log(`Installing the dependencies (npm ci): ${reason}.`);
  run(NPM, ["ci", "--no-audit", "--no-fund"], { ...process.env, ...headersBesideNode() });
}

/** Compiles src to dist, unless dist is newer than everything that it is made from. */
export function ensureBuilt() {
  const reason = whyBuild();
  if (reason === undefined) return;
  console.log(`Building dist (tsc): ${reason}.`);
  const startedAt = new Date();
  // A sibling of dist, so that the source maps' relative paths hold, and put in place whole: others may be reading dist.
  const fresh = join(ROOT, `dist.${process.pid}`);
  try {
    run(process.execPath, ["node_modules/typescript/bin/tsc", "-p", "tsconfig.build.json", "--outDir", fresh]);
    const cli = join(fresh, "cli/main.js");
    if (existsSync(cli)) chmodSync(cli, 0o755);
    utimesSync(fresh, startedAt, startedAt);
    rmSync(join(ROOT, "dist"), { recursive: true, force: true });
    renameSync(fresh, join(ROOT, "dist"));
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

function whyInstall() {
  const wanted = lockedVersions("package-lock.json");
  const installed = lockedVersions("node_modules/.package-lock.json");
  if (installed === undefined) return "node_modules is missing";
  for (const [path, { version, optional }] of wanted) {
    const there = installed.get(path)?.version;
    if (there === undefined ? !optional : there !== version) return `${path} should be ${version}`;
  }
  return undefined;
}

/** Package path → what a lock file says of it; undefined when there is no such file. The root package is left out. */
function lockedVersions(file) {
  const path = join(ROOT, file);
  if (!existsSync(path)) return undefined;
  const { packages } = JSON.parse(readFileSync(path, "utf8"));
  const isOptional = (entry) => entry.optional === true || entry.devOptional === true || entry.peer === true;
  return new Map(
    Object.entries(packages)
      .filter(([name]) => name !== "")
      .map(([name, entry]) => [name, { version: entry.version, optional: isOptional(entry) }]),
  );
}

/**
 * better-sqlite3 compiles itself where its prebuilt binary cannot be downloaded, and node-gyp then wants to download
 * Node's headers too. Most installations have them beside the binary: node-gyp is told so, unless the user configured it.
 */
function headersBesideNode() {
  const prefix = dirname(dirname(process.execPath));
  if (!existsSync(join(prefix, "include/node/node_api.h"))) return {};
  const configured = spawnSync(NPM, ["config", "get", "nodedir"], { cwd: ROOT, encoding: "utf8" }).stdout.trim();
  if (configured !== "" && configured !== "undefined" && configured !== "null") return {};
  console.log(`Native modules are compiled against the headers in ${join(prefix, "include/node")}, where need be.`);
  return { npm_config_nodedir: prefix };
}

function whyBuild() {
  const dist = join(ROOT, "dist");
  if (!existsSync(dist)) return "dist is missing";
  const builtAt = statSync(dist).mtimeMs;
  const changed = ["src", "tsconfig.json", "tsconfig.build.json"].find((path) => newest(join(ROOT, path)) >= builtAt);
  return changed === undefined ? undefined : `${changed} changed`;
}

/** Time of the last change to a file or to anything below a folder; a folder's own time tells of what was deleted. */
function newest(path) {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(stat.mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))));
}

function run(command, args, env = process.env) {
  const { status, signal, error } = spawnSync(command, args, { cwd: ROOT, env, stdio: "inherit" });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`\`${[command, ...args].join(" ")}\` failed (${signal ?? `exit code ${status}`}).`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  ensureInstalled();
  ensureBuilt();
}
