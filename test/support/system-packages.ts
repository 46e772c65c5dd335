import { existsSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { isExecutable, output } from "./processes.ts";

/** Asked by Debian's packages before they start their daemons; 101 is no. */
const POLICY = "/usr/sbin/policy-rc.d";

/** Installs Debian's packages, as root on Debian, without letting them start their daemons; resolves with false anywhere else. */
export async function installSystemPackages(packages: readonly string[], purpose: string): Promise<boolean> {
  if (process.getuid?.() !== 0 || !isExecutable("/usr/bin/apt-get")) return false;
  console.log(`Installing ${packages.join(", ")} (apt-get) for ${purpose}.`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  await output("apt-get", ["update", "--quiet"], { env });
  const install = ["install", "--yes", "--quiet", "--no-install-recommends", ...packages];
  await withoutDaemons(() => output("apt-get", install, { env }));
  return true;
}

/** A policy that is there already stays, and is obeyed. */
async function withoutDaemons(install: () => Promise<unknown>): Promise<void> {
  if (existsSync(POLICY)) {
    await install();
    return;
  }
  await writeFile(POLICY, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  try {
    await install();
  } finally {
    await rm(POLICY, { force: true });
  }
}
