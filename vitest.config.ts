import { defineConfig } from "vitest/config";

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

export default defineConfig({
  // `import "celeriac"` means src in tests: no build to forget. Vitest hands these on to Node as well.
  ssr: { resolve: { conditions: ["@celeriac/source", "module", "node", "development|production"] } },
  test: {
    pool: "forks",
    maxWorkers: 2,
    coverage: { provider: "v8", include: ["src/**"], reporter: ["text", "html"], reportsDirectory: "coverage" },
    projects: PROJECTS.map(({ name, timeoutMs, needs = [] }) => ({
      extends: true as const,
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
