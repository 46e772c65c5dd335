import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Writes what became of every test to the file that VITEST_REPORT names: `tests`, each with its `path`, `name`, `state` and `reason`, and `troubles`, what failed
 * outside of any test: files that cannot be loaded or never came to their end, and errors that nobody caught.
 */
export default class VitestReport {
  onTestRunEnd(modules, unhandledErrors) {
    const tests = modules.flatMap((module) =>
      [...module.children.allTests()].map((test) => {
        const { state, errors = [] } = test.result();
        return { path: module.relativeModuleId, name: nameOf(test), state, reason: errors.map(textOf).join("\n") };
      }),
    );
    const troubles = modules.flatMap((module) => {
      const path = module.relativeModuleId;
      const lost = ["pending", "queued"].includes(module.state()) ? [{ path, reason: "it never came to its end" }] : [];
      const suites = [module, ...module.children.allSuites()];
      const broken = suites.flatMap((suite) => suite.errors().map((error) => ({ path, reason: textOf(error) })));
      return [...lost, ...broken];
    });
    const unhandled = unhandledErrors.map((error) => ({ path: "vitest", reason: textOf(error) }));
    const path = process.env.VITEST_REPORT;
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, JSON.stringify({ tests, troubles: [...troubles, ...unhandled] }));
  }
}

/** As `--testNamePattern` sees it. */
function nameOf({ name, parent }) {
  return parent.type === "module" ? name : `${nameOf(parent)} ${name}`;
}

function textOf({ stack, message }) {
  return stack ?? message;
}
