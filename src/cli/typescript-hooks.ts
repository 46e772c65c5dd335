import type { ResolveHook } from "node:module";

/**
 * A `.ts` file of the project is an ES module, whether or not its package.json says "type": "module"; without it, tsx would
 * take it for CommonJS, which ends in ERR_REQUIRE_CYCLE_MODULE or in a second copy of the module. CommonJS is `.cts`.
 */
export const resolve: ResolveHook = async (specifier, context, nextResolve) => {
  const resolved = await nextResolve(specifier, context);
  return PROJECT_TYPESCRIPT.test(resolved.url) ? { ...resolved, format: "module" } : resolved;
};

const PROJECT_TYPESCRIPT = /^file:(?!.*\/node_modules\/).*\.tsx?(?:$|[?#])/;
