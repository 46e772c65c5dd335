/** `target` with some of its methods replaced, and `before` in front of every method but disposing. The rest passes through. */
export function intercepted<T extends AsyncDisposable>(
  target: T,
  methods: Partial<T>,
  before: () => Promise<void> = () => Promise.resolve(),
): T {
  return new Proxy(target, {
    get: (_target, property) => {
      const isReplaced = property in methods;
      const value: unknown = Reflect.get(isReplaced ? methods : target, property);
      if (typeof value !== "function") return value;
      const method = value.bind(isReplaced ? methods : target) as (...args: readonly unknown[]) => unknown;
      if (property === Symbol.asyncDispose) return method;
      return async (...args: readonly unknown[]) => {
        await before();
        return method(...args);
      };
    },
  });
}
