/** What `npm test` checks on the package as users get it: one tarball, made once. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT, ensureBuilt } from "./setup.mjs";

export async function checkPackage({ check, capture, node }) {
  const folder = mkdtempSync(join(tmpdir(), "celeriac-package-"));
  const npm = (args, cwd) => capture("npm", [...args, "--no-audit", "--no-fund"], { cwd });
  let tarball;
  try {
    const packed = await check("package", "packs", async () => {
      ensureBuilt();
      const packed = await npm(["pack", "--json", "--ignore-scripts", "--pack-destination", folder], ROOT);
      tarball = join(folder, JSON.parse(packed)[0].filename);
    });
    if (!packed) return;
    await check("package", "no findings of publint", () => node("publint/src/cli.js", "--strict", tarball));
    await check("package", "its types resolve (attw)", () =>
      node("@arethetypeswrong/cli/dist/index.js", "--profile", "esm-only", tarball),
    );
    const consumer = join(folder, "consumer");
    const installed = await check("package", "installs without any driver", async () => {
      mkdirSync(consumer);
      writeFileSync(join(consumer, "package.json"), `{ "private": true, "type": "module" }\n`);
      await npm(["install", "--omit=optional", "--prefer-offline", tarball], consumer);
    });
    if (!installed) return;
    const inConsumer = (program) =>
      capture(process.execPath, ["--input-type=module", "--eval", program], { cwd: consumer });
    for (const subpath of subpaths()) {
      await check("package", `import "${subpath}" works without any driver`, () =>
        inConsumer(`await import(${JSON.stringify(subpath)})`),
      );
    }
    await check("package", "a missing driver's error names the command that installs it", () =>
      inConsumer(MISSING_DRIVER),
    );
    await check("package", "celeriac --help", async () => {
      const help = await capture(join(consumer, "node_modules/.bin/celeriac"), ["--help"], { cwd: consumer });
      if (!help.includes("celeriac")) throw new Error(`It printed:\n${help}`);
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What a program may import, as it writes it. */
function subpaths() {
  const { name, exports } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  return Object.keys(exports)
    .filter((path) => !path.endsWith(".json"))
    .map((path) => name + path.slice(1));
}

/** The embedded broker needs its driver only where Node has no SQLite of its own: there it must tell what to do. */
const MISSING_DRIVER = `
  import { Celeriac } from "celeriac";
  const builtIn = await import("node:sqlite").then(() => true, () => false);
  const app = new Celeriac({ name: "check", broker: "sqlite:check.db" });
  try {
    await app.sendTask("check");
    if (!builtIn) throw new Error("It sent without a driver.");
  } catch (error) {
    if (builtIn || !error.message.includes("npm install better-sqlite3")) throw error;
  } finally {
    await app.close();
  }
`;
