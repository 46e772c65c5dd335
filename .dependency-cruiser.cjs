/**
 * The layers as code: an import points downwards or stays on its layer, in no cycle; a type import is an import too.
 * ARCHITECTURE.md says why.
 */

/** Folders of src, bottom to top. */
const LAYERS = [
  ["util"],
  ["message"],
  ["routing"],
  ["broker", "backend", "pool", "events", "control"],
  ["adapters"],
  ["app", "canvas", "result"],
  ["worker"],
  ["cli", "testing"],
];

const folders = (layers) => `^src/(${layers.flat().join("|")})/`;

const downwards = LAYERS.slice(0, -1).map((layer, height) => ({
  name: `${layer.join("-")}-imports-downwards`,
  comment: `${layer.join(", ")} may import nothing from a higher layer.`,
  severity: "error",
  from: { path: folders([layer]) },
  to: { path: folders(LAYERS.slice(height + 1)) },
}));

const ADAPTER = "^src/adapters/([^/]+)/";
const CONNECT = "^src/app/connect\\.ts$";

/** Technology → the packages and modules of Node that only its adapter may import. */
const DRIVERS = {
  postgres: "(^|/)pg(/|$)",
  redis: "(^|/)ioredis(/|$)",
  amqp: "(^|/)amqplib(/|$)",
  sqlite: "(^|/)better-sqlite3(/|$)|^(node:)?sqlite$",
};

module.exports = {
  forbidden: [
    ...downwards,
    {
      name: "no-cycles",
      comment: "Two files that need each other are one idea, or lack a third.",
      severity: "error",
      from: {},
      to: { circular: true },
    },
    {
      name: "every-file-has-a-layer",
      comment: "A new folder of src gets its place in LAYERS.",
      severity: "error",
      from: {},
      to: { path: "^src/.+/", pathNot: folders(LAYERS) },
    },
    {
      name: "adapters-stand-alone",
      comment: "What two adapters share belongs to the contracts.",
      severity: "error",
      from: { path: ADAPTER },
      to: { path: ADAPTER, pathNot: "^src/adapters/$1/" },
    },
    {
      name: "adapters-by-connect-only",
      comment: "An app loads the adapters that its URLs name, and no other.",
      severity: "error",
      from: { path: "^src/", pathNot: [ADAPTER, CONNECT, "^src/(cli|testing)/"] },
      to: { path: ADAPTER },
    },
    {
      name: "connect-loads-on-use",
      comment: "A driver that is not installed must not stop a program that does not use it.",
      severity: "error",
      from: { path: CONNECT },
      to: { path: ADAPTER, dynamic: false, dependencyTypesNot: ["type-only"] },
    },
    {
      name: "connect-through-the-front",
      comment: "An adapter's index.ts is its only door.",
      severity: "error",
      from: { path: CONNECT },
      to: { path: ADAPTER, pathNot: "/index\\.ts$" },
    },
    ...Object.entries(DRIVERS).map(([technology, driver]) => ({
      name: `${technology}-driver`,
      comment: `Only adapters/${technology} knows its driver.`,
      severity: "error",
      from: { path: "^src/", pathNot: `^src/adapters/${technology}/` },
      to: { path: driver },
    })),
    {
      name: "front-door-is-light",
      comment: 'import "celeriac" gives what a producer needs; a worker and adapters have subpaths of their own.',
      severity: "error",
      from: { path: "^src/index\\.ts$" },
      to: { path: [ADAPTER, folders([["worker", "cli", "testing"]])] },
    },
    {
      name: "not-through-the-front-door",
      comment: "Inside, import the file that has it.",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/(cli|testing)/" },
      to: { path: "^src/index\\.ts$" },
    },
    {
      name: "pure-layers",
      comment: "Messages and routes are computed: no I/O of packages.",
      severity: "error",
      from: { path: folders([["util", "message", "routing"]]) },
      to: { dependencyTypes: ["npm", "npm-optional", "npm-peer", "npm-dev"] },
    },
    {
      name: "src-ships-alone",
      comment: "What src imports is installed with it.",
      severity: "error",
      from: { path: "^src/" },
      to: { dependencyTypes: ["npm-dev", "npm-no-pkg", "npm-unknown"], dependencyTypesNot: ["type-only"] },
    },
    {
      name: "src-imports-src",
      comment: "Tests, examples, benchmarks and the kill hunt stand on src, not under it.",
      severity: "error",
      from: { path: "^src/" },
      to: { path: "^(test|examples|bench|chaos|scripts)/" },
    },
    {
      name: "examples-as-users",
      comment: "Examples import celeriac and its subpaths, as their readers will.",
      severity: "error",
      from: { path: "^examples/" },
      to: { path: "^(src|dist|test|bench|chaos|scripts)/", dependencyTypes: ["local"] },
    },
    {
      name: "resolvable",
      comment: "Every import leads somewhere; the modules of a newer Node, behind `node:`, do so there.",
      severity: "error",
      from: {},
      to: { couldNotResolve: true, pathNot: "^node:" },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^dist/" },
    tsConfig: { fileName: "tsconfig.json" },
    // Imports that are erased count too.
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["@celeriac/source", "import", "node", "default"],
    },
  },
};
