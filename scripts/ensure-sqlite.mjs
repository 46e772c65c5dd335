/**
 * Runs after the installation of this package, and sees to it that the embedded broker has an SQLite. It does nothing where node:sqlite is
 * there without a flag, or better-sqlite3 can be loaded. Otherwise npm has tried to install better-sqlite3 and could not: its ready-made
 * binary was not to be downloaded, and compiling it failed because Node's headers were not to be downloaded either. Where they lie beside this
 * Node it is compiled once more, against those. It never fails the installation: every other broker works without.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "..");
/** Where src/adapters/sqlite/driver.ts looks too. From the package's own node_modules, npm's next installation would remove it. */
const OWN_PROJECT = join(ROOT, ".better-sqlite3");
const NODE_ROOT = dirname(dirname(process.execPath));
const TIMEOUT_MS = 10 * 60_000;

if (isWanted() && !hasNodeSqlite() && !canLoad(ROOT) && !canLoad(OWN_PROJECT)) {
  const version = wantedVersion();
  if (!(hasHeaders() && compile(version))) explain(version);
}

/** `npm install --omit=optional` says that it is not. */
function isWanted() {
  return !(process.env.npm_config_omit ?? "").split(/\s+/).includes("optional");
}

function hasNodeSqlite() {
  return process.getBuiltinModule?.("node:sqlite") !== undefined;
}

/** In a process of its own: this one would remember what it once did not find. */
function canLoad(folder) {
  const program = 'new (require("better-sqlite3"))(":memory:")';
  if (!existsSync(folder)) return false;
  return spawnSync(process.execPath, ["--eval", program], { cwd: folder, stdio: "ignore" }).status === 0;
}

function wantedVersion() {
  const { optionalDependencies } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  return optionalDependencies["better-sqlite3"];
}

function hasHeaders() {
  return existsSync(join(NODE_ROOT, "include", "node", "node.h"));
}

/** Whether better-sqlite3 can be loaded afterwards. */
function compile(version) {
  console.log(
    `celeriac: compiling better-sqlite3 ${version} against the headers in ${NODE_ROOT}, which takes about a minute.`,
  );
  try {
    install(version);
  } catch (error) {
    console.log(`celeriac: ${error.message}`);
  }
  if (canLoad(OWN_PROJECT)) return true;
  rmSync(OWN_PROJECT, { recursive: true, force: true });
  return false;
}

/** The flags win over the settings of the installation that this is a part of, which npm hands down in the environment. */
function install(version) {
  mkdirSync(OWN_PROJECT, { recursive: true });
  const manifest = { private: true, allowScripts: { "better-sqlite3": true } };
  writeFileSync(join(OWN_PROJECT, "package.json"), JSON.stringify(manifest));
  const keepApart = ["--prefix", OWN_PROJECT, "--no-global", "--no-workspaces", "--no-save", "--no-package-lock"];
  const reallyDo = ["--no-dry-run", "--no-ignore-scripts", "--no-audit", "--no-fund"];
  const { status, error, stderr } = spawnSync(
    "npm",
    ["install", `better-sqlite3@${version}`, ...keepApart, ...reallyDo],
    {
      cwd: OWN_PROJECT,
      env: { ...process.env, npm_config_nodedir: NODE_ROOT },
      encoding: "utf8",
      stdio: ["ignore", "ignore", "pipe"],
      timeout: TIMEOUT_MS,
      shell: process.platform === "win32", // there it is npm.cmd
    },
  );
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`npm could not do it:\n${stderr.trimEnd().split("\n").slice(-20).join("\n")}`);
}

function explain(version) {
  const prefix = hasHeaders() ? `npm_config_nodedir=${NODE_ROOT} ` : "";
  console.log(
    `celeriac: better-sqlite3 could not be installed, so sqlite: URLs will not work on this Node. ` +
      `With a C++ compiler and Python there, run: ${prefix}npm install better-sqlite3@${version}`,
  );
}
