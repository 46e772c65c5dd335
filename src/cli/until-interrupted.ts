/** Calls `end` on TERM and Ctrl-C, which do not end the process then, until what is returned is disposed. */
export function untilInterrupted(end: () => void): Disposable {
  const signals = ["SIGINT", "SIGTERM"] as const;
  for (const signal of signals) process.on(signal, end);
  return {
    [Symbol.dispose]: () => {
      for (const signal of signals) process.off(signal, end);
    },
  };
}
