/** Whether a routing key matches a topic pattern: words separated by dots, `*` for exactly one word, `#` for any number, none included. AMQP 0-9-1, §3.1.3.3. */
export function matchesTopic(pattern: string, routingKey: string): boolean {
  let matcher = compiled.get(pattern);
  if (matcher === undefined) {
    matcher = compile(pattern);
    if (compiled.size >= CACHE_SIZE) compiled.clear();
    compiled.set(pattern, matcher);
  }
  return matcher(routingKey);
}

type Matcher = (routingKey: string) => boolean;

/** How many compiled patterns are kept: more than any application binds, and still bounded. */
const CACHE_SIZE = 1_000;

const compiled = new Map<string, Matcher>();

function compile(pattern: string): Matcher {
  const parts = splitWords(pattern);
  if (parts.every((part) => part === "#")) return parts.length === 0 ? (key) => key === "" : () => true;
  if (!parts.includes("*") && !parts.includes("#")) return (key) => key === pattern;
  return (key) => matchWords(parts, splitWords(key));
}

/** The empty key has no words. */
function splitWords(key: string): readonly string[] {
  return key === "" ? [] : key.split(".");
}

/**
 * Greedy with one point of return, the last `#` seen: whatever an earlier `#` might take instead, the last one can take too. So the work is
 * at most words × parts, whatever the pattern; a regular expression would backtrack exponentially on `#.a.#.a.#.a`.
 */
function matchWords(parts: readonly string[], words: readonly string[]): boolean {
  let part = 0;
  let word = 0;
  let hash = -1;
  let afterHash = 0;
  while (word < words.length) {
    if (parts[part] === "#") {
      hash = part++;
      afterHash = word;
    } else if (part < parts.length && (parts[part] === "*" || parts[part] === words[word])) {
      part += 1;
      word += 1;
    } else if (hash !== -1) {
      part = hash + 1;
      word = ++afterHash;
    } else {
      return false;
    }
  }
  while (parts[part] === "#") part += 1;
  return part === parts.length;
}
