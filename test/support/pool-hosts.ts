import type { HostEvents, StartHost } from "../../src/pool/isolated/host.ts";
import type { Command, News } from "../../src/pool/isolated/protocol.ts";

/** A host that does only what a test says. */
export class FakeHost {
  readonly commands: Command[] = [];
  isKilled = false;
  readonly #events: HostEvents;

  constructor(events: HostEvents) {
    this.#events = events;
  }

  /** The kinds of what it was told after its setup. */
  get told(): readonly string[] {
    return this.commands.slice(1).map(({ kind }) => kind);
  }

  says(news: News): void {
    this.#events.onNews(news);
  }

  returns(text: string, memoryBytes?: number): void {
    this.says({ kind: "ended", outcome: { kind: "returned", value: text, children: [] }, memoryBytes });
  }

  /** Whether it has time to begin what it is told to run. */
  isPrompt = true;
  /** Whether it has died and has not told yet. */
  isEnding = false;

  goes(detail = "it went"): void {
    this.#events.onGone({ code: "exited", detail });
  }
}

/** Starts fake hosts, which are ready at once and go when they are told to, unless `how` says otherwise by then. */
export function fakeHosts(how: { readonly isReady?: boolean; readonly goes?: boolean } = {}): {
  readonly hosts: readonly FakeHost[];
  readonly startHost: StartHost;
} {
  const { goes = true } = how;
  const hosts: FakeHost[] = [];
  const startHost: StartHost = (_program, events) => {
    const host = new FakeHost(events);
    hosts.push(host);
    return {
      get isEnding() {
        return host.isEnding;
      },
      jobsBegun: { count: () => (host.isPrompt ? host.told.filter((kind) => kind === "run").length : 0) },
      post: (command) => {
        host.commands.push(command);
        if (command.kind === "setup" && how.isReady !== false) host.says({ kind: "ready" });
        if (command.kind === "end" && goes) host.goes();
      },
      kill: () => {
        host.isKilled = true;
        if (goes) host.goes("it was killed");
      },
    };
  };
  return { hosts, startHost };
}
