import { isExecutable, output } from "./processes.ts";

/** Installs Debian's packages, as root on Debian; resolves with false anywhere else. */
export async function installSystemPackages(packages: readonly string[], purpose: string): Promise<boolean> {
  if (process.getuid?.() !== 0 || !isExecutable("/usr/bin/apt-get")) return false;
  console.log(`Installing ${packages.join(", ")} (apt-get) for ${purpose}.`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  await output("apt-get", ["update", "--quiet"], { env });
  await output("apt-get", ["install", "--yes", "--quiet", "--no-install-recommends", ...packages], { env });
  return true;
}
