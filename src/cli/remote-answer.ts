/** An answer as `celery inspect` shows it: whether it went well, and what it says. Celery: `celery/bin/base.py:CLIContext.pretty`. */
export function prettyAnswer(answer: unknown): { readonly isOk: boolean; readonly text: string } {
  if (typeof answer === "object" && answer !== null && !Array.isArray(answer)) {
    const { ok, error } = answer as { readonly ok?: unknown; readonly error?: unknown };
    if (ok !== undefined) return { isOk: true, text: indented(prettyAnswer(ok).text) };
    if (error !== undefined) return { isOk: false, text: indented(prettyAnswer(error).text) };
    return { isOk: true, text: JSON.stringify(answer, null, 4) };
  }
  if (!Array.isArray(answer)) return { isOk: true, text: typeof answer === "string" ? answer : JSON.stringify(answer) };
  if (answer.length === 0) return { isOk: true, text: "- empty -" };
  return {
    isOk: true,
    text: answer.map((item) => `* ${typeof item === "string" ? item : JSON.stringify(item)}`).join("\n"),
  };
}

/** For a terminal: what a worker says must not steer it. */
export function harmless(text: string): string {
  return text.replace(/[^\P{Cc}\n]/gu, "�");
}

export function indented(text: string): string {
  return text.replace(/^(?=.)/gm, "    ");
}
