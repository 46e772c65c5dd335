import { emitKeypressEvents, type Key } from "node:readline";
import type { ReadStream, WriteStream } from "node:tty";
import type { StyledLine } from "./render-top.ts";

/** The other screen, without a cursor and without lines that wrap. XTerm: `ctlseqs`, DECSET 1049, 25 and 7. */
const ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l";
const LEAVE = "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l";
const HOME = "\x1b[H";
const CLEAR_TO_END_OF_LINE = "\x1b[K";
const CLEAR_BELOW = "\x1b[J";

const STYLES = { title: "\x1b[1m", chosen: "\x1b[1;7m", heading: "\x1b[2m", alarm: "\x1b[1;7m" } as const;
const PLAIN = "\x1b[0m";

/** `up`, `down`, `tab`, `ctrl-c`, `q`, … */
export type OnKey = (key: string) => void;

export interface ScreenOptions {
  readonly output: WriteStream;
  readonly input: ReadStream;
  readonly onKey: OnKey;
  readonly onResize: () => void;
}

/** A terminal that is drawn on as a whole. However the process ends, short of being killed, it gives the terminal back as it was. */
export class Screen implements Disposable {
  readonly #options: ScreenOptions;
  #isOpen = true;

  constructor(options: ScreenOptions) {
    this.#options = options;
    const { output, input, onResize } = options;
    output.write(ENTER);
    output.on("resize", onResize);
    process.on("exit", this.#leave);
    process.on("uncaughtExceptionMonitor", this.#leave); // what is printed of it is to be seen
    if (!input.isTTY) return;
    emitKeypressEvents(input);
    input.on("keypress", this.#onKeypress);
    input.setRawMode(true);
    input.resume();
  }

  get columns(): number {
    return this.#options.output.columns;
  }

  get rows(): number {
    return this.#options.output.rows;
  }

  draw(lines: readonly StyledLine[]): void {
    if (!this.#isOpen) return;
    const drawn = lines.map(({ text, style }) => {
      const styled = style === undefined ? text : `${STYLES[style]}${text}${PLAIN}`;
      return styled + CLEAR_TO_END_OF_LINE;
    });
    this.#options.output.write(HOME + drawn.join("\r\n") + CLEAR_BELOW);
  }

  /** Calling it again is fine. */
  [Symbol.dispose](): void {
    this.#leave();
    const { output, input, onResize } = this.#options;
    process.off("exit", this.#leave);
    process.off("uncaughtExceptionMonitor", this.#leave);
    output.off("resize", onResize);
    input.off("keypress", this.#onKeypress);
    if (input.isTTY) input.pause();
  }

  readonly #leave = (): void => {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    const { output, input } = this.#options;
    if (input.isTTY) input.setRawMode(false);
    output.write(LEAVE);
  };

  readonly #onKeypress = (text: string | undefined, { name, ctrl = false }: Key): void => {
    const key = name ?? text;
    if (key !== undefined) this.#options.onKey(ctrl ? `ctrl-${key}` : key);
  };
}
