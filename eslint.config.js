import tseslint from "typescript-eslint";

/** Rules of ESLint itself that neither TypeScript nor typescript-eslint's presets cover. */
const CORRECTNESS = {
  "no-async-promise-executor": "error",
  "no-constant-binary-expression": "error",
  "no-control-regex": "off", // control characters are what some of our patterns look for
  "no-empty": "error",
  "no-fallthrough": "error",
  "no-loss-of-precision": "error",
  "no-self-compare": "error",
  "no-template-curly-in-string": "error",
  "no-unsafe-finally": "error",
  "no-unused-private-class-members": "error",
  "no-useless-escape": "error",
  "require-atomic-updates": "off", // it takes every assignment to a property after an await for a race
};

/** What the presets ask that this project does not. */
const SWITCHED_OFF = {
  // `async` is part of a contract: an implementation that has nothing to wait for still rejects instead of throwing.
  "@typescript-eslint/require-await": "off",
  // Numbers in messages are fine as they are.
  "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
  // `() => list.push(x)` and `void` promises in arrow functions read better than a block each.
  "@typescript-eslint/no-confusing-void-expression": [
    "error",
    { ignoreArrowShorthand: true, ignoreVoidOperator: true },
  ],
  // `catch (error: unknown)` is what the compiler makes of it anyway; an Error's class is checked where it matters.
  "@typescript-eslint/prefer-promise-reject-errors": "off",
  "@typescript-eslint/only-throw-error": ["error", { allowThrowingUnknown: true }],
  // Loops that run until they return are written `for (;;)` or `while (true)`.
  "@typescript-eslint/no-unnecessary-condition": ["error", { allowConstantLoopConditions: true }],
  // A parameter that a contract hands over and an implementation has no use for starts with an underscore.
  "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
  // It would have `x!` for `x as T`; the preset forbids that one, rightly.
  "@typescript-eslint/non-nullable-type-assertion-style": "off",
  // An index signature names its key, a Record does not.
  "@typescript-eslint/consistent-indexed-object-style": "off",
  // A contract's method that an implementation has nothing to do in; a function whose name says that it does nothing.
  "@typescript-eslint/no-empty-function": ["error", { allow: ["asyncMethods", "methods", "functions"] }],
  // TypeScript's `noPropertyAccessFromIndexSignature` asks for the opposite.
  "@typescript-eslint/dot-notation": ["error", { allowIndexSignaturePropertyAccess: true }],
};

const NO_DEFAULT_EXPORT = {
  selector: "ExportDefaultDeclaration",
  message: "Export by name: a thing has one name everywhere.",
};
const NO_EXPORT_ALL = {
  selector: "ExportAllDeclaration",
  message: "Re-export by name: the public surface is written down.",
};
const NO_CLOCK = [
  { selector: "MemberExpression[object.name='Date'][property.name='now']", message: "Time comes from the Clock." },
  { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: "Time comes from the Clock." },
  { selector: "CallExpression[callee.name='Date']", message: "Time comes from the Clock." },
];
const NO_ENVIRONMENT = {
  selector: "MemberExpression[object.name='process'][property.name='env']",
  message: "Only src/app/environment.ts and the command line read the environment.",
};
const NO_SIGNALS = {
  selector:
    "CallExpression[callee.object.name='process'][callee.property.name=/^(on|once)$/][arguments.0.value=/^SIG/]",
  message: "Only the command line installs signal handlers.",
};
const TIMERS = ["setTimeout", "setInterval", "clearTimeout", "clearInterval"];
const NO_TIMERS = TIMERS.map((name) => ({ name, message: "Only src/util/clock.ts sets timers: wait with the Clock." }));
const NO_IMMEDIATE = { name: "setImmediate", message: "Only src/util/end-of-turn.ts puts work off to the next turn." };
const NO_TIMER_MODULES = ["timers", "node:timers", "timers/promises", "node:timers/promises"].map((name) => ({
  name,
  message: "Only src/util/clock.ts sets timers: wait with the Clock.",
}));
const NO_ENV_IMPORT = ["process", "node:process"].map((name) => ({
  name,
  importNames: ["env"],
  message: NO_ENVIRONMENT.message,
}));

export default tseslint.config(
  { ignores: ["dist/", "dist.*/", ".better-sqlite3/", ".cache/", "coverage/"] },
  { linterOptions: { reportUnusedDisableDirectives: "error" }, rules: CORRECTNESS },
  ...tseslint.configs.strictTypeChecked,
  ...tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      ...SWITCHED_OFF,
      "@typescript-eslint/consistent-type-imports": ["error", { fixStyle: "inline-type-imports" }],
      "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
      eqeqeq: "error",
      "object-shorthand": "error",
      "prefer-const": "error",
    },
  },
  {
    files: ["**/*.ts"],
    rules: { "no-restricted-syntax": ["error", NO_DEFAULT_EXPORT] },
  },
  {
    files: ["src/**/*.ts"],
    rules: {
      "no-console": "error",
      "no-restricted-globals": ["error", ...NO_TIMERS, NO_IMMEDIATE],
      "no-restricted-imports": ["error", { paths: [...NO_TIMER_MODULES, ...NO_ENV_IMPORT] }],
      "no-restricted-syntax": ["error", NO_DEFAULT_EXPORT, NO_EXPORT_ALL, ...NO_CLOCK, NO_ENVIRONMENT, NO_SIGNALS],
    },
  },
  {
    files: ["src/app/environment.ts"],
    rules: {
      "no-restricted-imports": ["error", { paths: NO_TIMER_MODULES }],
      "no-restricted-syntax": ["error", NO_DEFAULT_EXPORT, NO_EXPORT_ALL, ...NO_CLOCK, NO_SIGNALS],
    },
  },
  {
    files: ["src/cli/**/*.ts"],
    rules: {
      "no-console": "off", // it is the terminal's side of the project
      "no-restricted-imports": ["error", { paths: NO_TIMER_MODULES }],
      "no-restricted-syntax": ["error", NO_DEFAULT_EXPORT, NO_EXPORT_ALL, ...NO_CLOCK],
    },
  },
  {
    files: ["src/util/clock.ts"],
    rules: {
      "no-restricted-globals": "off",
      "no-restricted-syntax": ["error", NO_DEFAULT_EXPORT, NO_EXPORT_ALL, NO_ENVIRONMENT, NO_SIGNALS],
    },
  },
  {
    files: ["src/util/end-of-turn.ts"],
    rules: { "no-restricted-globals": ["error", ...NO_TIMERS] },
  },
  {
    files: ["src/testing/fake-clock.ts"],
    rules: { "no-restricted-globals": ["error", ...NO_TIMERS] }, // it lets what it woke run
  },
  {
    files: ["examples/**/*.ts"],
    rules: {
      "no-restricted-imports": [
        "error",
        { patterns: [{ regex: "(^|/)(src|dist)/", message: "Examples use the package as its users do." }] },
      ],
    },
  },
  {
    files: ["test/**/*.ts"],
    rules: {
      "@typescript-eslint/no-empty-function": "off", // stubs
      "no-loss-of-precision": "off", // codecs are tested with such numbers
      "@typescript-eslint/no-floating-promises": [
        "error",
        { allowForKnownSafeCalls: [{ from: "package", name: ["describe", "it", "test"], package: "vitest" }] },
      ],
      "@typescript-eslint/unbound-method": "off", // expect(object.method)
    },
  },
  {
    files: ["vitest.config.ts"],
    rules: { "no-restricted-syntax": "off" }, // vitest reads its configuration from the default export
  },
  {
    // Scripts that run before anything is installed, and the tools' own configuration: plain JavaScript, no types to check.
    files: ["**/*.{js,cjs,mjs}"],
    extends: [tseslint.configs.disableTypeChecked],
  },
);
