import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vitest/config";

interface Project {
  /** The folder below test/ too. */
  readonly name: string;
  readonly timeoutMs: number;
  /** Files of test/support/global: what has to be there before the first test of the project. */
  readonly needs?: readonly string[];
}

const PROJECTS: readonly Project[] = [
  { name: "unit", timeoutMs: 10_000 },
  { name: "conformance", timeoutMs: 30_000, needs: ["build", "another-node", "redis", "postgres", "rabbitmq"] },
  {
    name: "interop",
    timeoutMs: 60_000,
    needs: ["build", "python", "celery-tools", "django", "redis", "postgres", "rabbitmq"],
  },
  { name: "e2e", timeoutMs: 60_000, needs: ["build", "postgres", "another-node", "redis", "python"] },
];

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const { exports } = JSON.parse(readFileSync(at("package.json"), "utf8")) as {
  readonly exports: Readonly<Record<string, string | { readonly "@celeriac/source": string }>>;
};

/** `import "celeriac"` means src in tests: no build to forget. As a condition Node would know it too, and hand it on to what tests start. */
const sources: Plugin = {
  name: "sources",
  enforce: "pre",
  resolveId: (module) => {
    const entry = Object.entries(exports).find(([name]) => module === name.replace(".", "celeriac"));
    return entry === undefined || typeof entry[1] === "string" ? undefined : at(entry[1]["@celeriac/source"]);
  },
};

/** Threads and processes are of the build, which begins in a fifth of the time that the sources take. */
const builtPrograms: Plugin = {
  name: "built-programs",
  enforce: "pre",
  resolveId: (module) => (module.endsWith("/util/sibling-module.ts") ? at("test/support/built-module.ts") : undefined),
};

export default defineConfig({
  test: {
    pool: "forks",
    maxWorkers: 2,
    coverage: { provider: "v8", include: ["src/**"], reporter: ["text", "html"], reportsDirectory: "coverage" },
    projects: PROJECTS.map(({ name, timeoutMs, needs = [] }) => ({
      extends: true as const,
      plugins: needs.includes("build") ? [sources, builtPrograms] : [sources],
      test: {
        name,
        include: [`test/${name}/**/*.test.ts`],
        setupFiles: ["test/support/leaks.ts"],
        globalSetup: needs.map((need) => `test/support/global/${need}.ts`),
        testTimeout: timeoutMs,
        hookTimeout: timeoutMs,
      },
    })),
  },
});
