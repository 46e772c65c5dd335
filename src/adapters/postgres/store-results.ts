import type { Queries } from "./connections/pool.ts";
import { DJANGO_COLUMNS, type DjangoRow } from "./django/django-row.ts";

export interface EncodedResult {
  readonly taskId: string;
  readonly state: string;
  readonly fence: number | null;
  /** The result document. */
  readonly text: string;
  /** Present where Django's table has it too. */
  readonly django?: DjangoRow;
}

export interface StoreOptions {
  readonly queries: Queries;
  /** As SQL writes it. */
  readonly schema: string;
  readonly lifeMs: number;
  /** The name of the schema of Django's tables. @default they are left alone */
  readonly djangoSchema?: string | undefined;
}

/** One statement has no more results than this, and no more characters of them. */
const MOST_ROWS = 2_000;
const MOST_CHARACTERS = 4_000_000;
/** Of the ids that one notification tells: Postgres takes less than 8000 bytes, and a character may be three. */
const NEWS_CHARACTERS = 2_500;

/** In place of the ids that no notification has room for: whoever waits looks after all that it waits for. */
export const ANY_NEWS = "*";

interface Refused {
  /** From 1. */
  readonly place: number;
}

/** Whether each is stored, or was by an earlier success; false where a later run has told of the task. */
export async function storeResults(
  { queries, schema, lifeMs, djangoSchema }: StoreOptions,
  results: readonly EncodedResult[],
): Promise<readonly boolean[]> {
  const isStored = results.map(() => true);
  for (const places of statementsOf(results)) {
    const rows = places.map((place) => results[place] as EncodedResult);
    const values = [
      rows.map(({ taskId }) => taskId),
      rows.map(({ state }) => state),
      rows.map(({ fence }) => fence),
      rows.map(({ text }) => text),
      lifeMs,
      newsOf(rows),
    ];
    const refused = await (djangoSchema === undefined
      ? queries.query<Refused>(`SELECT ${schema}.store_results($1, $2, $3, $4, $5, $6) AS place`, values)
      : queries.query<Refused>(
          `SELECT ${schema}.store_results_for_django($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) AS place`,
          [...values, djangoSchema, ...DJANGO_COLUMNS.map((name) => rows.map(({ django }) => django?.[name] ?? null))],
        ));
    for (const { place } of refused) isStored[places[place - 1] as number] = false;
  }
  return isStored;
}

/** The places of the results that one statement stores: each task once, what comes later of it in a later one. */
function statementsOf(results: readonly EncodedResult[]): readonly (readonly number[])[] {
  const statements: number[][] = [];
  let [current, characters]: [number[], number] = [[], 0];
  let seen = new Set<string>();
  for (const [place, { taskId, text }] of results.entries()) {
    const isFull = current.length >= MOST_ROWS || characters + text.length > MOST_CHARACTERS;
    if (current.length > 0 && (isFull || seen.has(taskId))) {
      statements.push(current);
      [current, characters, seen] = [[], 0, new Set()];
    }
    current.push(place);
    characters += text.length;
    seen.add(taskId);
  }
  if (current.length > 0) statements.push(current);
  return statements;
}

/** The payloads of the notifications: JSON arrays of ids. */
function newsOf(rows: readonly EncodedResult[]): readonly string[] {
  const news: string[] = [];
  let [ids, characters]: [string[], number] = [[], 0];
  const tell = (): void => {
    if (ids.length > 0) news.push(JSON.stringify(ids));
    [ids, characters] = [[], 0];
  };
  for (const { taskId } of rows) {
    if (taskId.length > NEWS_CHARACTERS / 2) {
      news.push(ANY_NEWS);
      continue;
    }
    // In JSON a character may be six.
    const length = JSON.stringify(taskId).length + 1;
    if (characters + length > NEWS_CHARACTERS) tell();
    ids.push(taskId);
    characters += length;
  }
  tell();
  return news;
}
