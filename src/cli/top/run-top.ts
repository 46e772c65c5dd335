import type { Celeriac } from "../../app/celeriac.ts";
import { untilInterrupted } from "../until-interrupted.ts";
import { ClusterWatch } from "./cluster-watch.ts";
import { renderTop, rowCount } from "./render-top.ts";
import { Screen } from "./screen.ts";
import { choose, FIRST_CHOICES, isQuit, KEYS_HELP } from "./top-keys.ts";

const REFRESH_MS = 1_000;

/** Shows the cluster in the terminal until it is told to end; gives the names of the workers that send the events of their tasks because of that. */
export async function runTop(app: Celeriac): Promise<readonly string[]> {
  await using watch = new ClusterWatch(app);
  const ending = new AbortController();
  const end = (): void => ending.abort();
  using _interrupted = untilInterrupted(end);
  using view = openView(watch, end);
  await Promise.race([watch.failed, refresh(app, view.show, ending.signal)]);
  return watch.enabled;
}

async function refresh(app: Celeriac, show: () => void, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    show();
    await app.clock.sleep(REFRESH_MS, { signal }).catch(() => undefined);
  }
}

/** The screen with what was chosen by keys. */
function openView(watch: ClusterWatch, end: () => void): Disposable & { readonly show: () => void } {
  let choices = FIRST_CHOICES;
  let snapshot = watch.snapshot();
  const draw = (): void => {
    const { columns, rows } = screen;
    screen.draw(renderTop(snapshot, { ...choices, columns, rows, enabled: watch.enabled, keys: KEYS_HELP }));
  };
  const onKey = (key: string): void => {
    if (isQuit(key)) {
      end();
    } else {
      choices = choose(choices, key, rowCount(snapshot, choices) - 1);
      draw();
    }
  };
  const screen = new Screen({ output: process.stdout, input: process.stdin, onKey, onResize: draw });
  return {
    show: () => {
      if (!choices.isPaused) snapshot = watch.snapshot();
      draw();
    },
    [Symbol.dispose]: () => screen[Symbol.dispose](),
  };
}
