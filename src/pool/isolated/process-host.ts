import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { systemClock } from "../../util/clock.ts";
import { endOf, type Host, type HostEvents, type HostProgram } from "./host.ts";
import { JobsBegunInFile } from "./jobs-begun.ts";
import { orphanGuard } from "./orphan-guard.ts";
import type { News } from "./protocol.ts";

/** How long what a dead process had said is waited for, in milliseconds: a process that it started may hold its pipe open. */
const LAST_WORDS_MS = 200;
/** How much of its stderr is looked at, in UTF-16 units. */
const LAST_WORDS_LENGTH = 4_096;

/** One process. Its stdout is this process's own; its stderr passes through here, as V8 says there why it dies. */
export function startProcess({ url, execArgv }: HostProgram, { onNews, onGone }: HostEvents): Host {
  const jobsBegun = new JobsBegunInFile();
  const child = forkWith(jobsBegun, { url, execArgv });
  const { pid } = child;
  if (pid !== undefined) orphanGuard.add(pid);
  const stderr = passOn(child);
  const allSaid = Promise.all([once(child, "disconnect"), stderr.closed]).catch(() => undefined);
  child.on("message", (news) => onNews(news as News));
  child.on("error", (error) => {
    if (pid !== undefined) return;
    jobsBegun.close();
    onGone({ code: "not-started", detail: `there is no process: ${error.message}` });
  });
  child.once("exit", (exitCode, signal) => {
    if (pid !== undefined) orphanGuard.remove(pid);
    jobsBegun.close();
    void Promise.race([allSaid, systemClock.sleep(LAST_WORDS_MS, { ref: false })]).then(() => {
      child.stderr?.destroy();
      onGone(endOf("process", { exitCode, signal, isOutOfMemory: /out of memory/i.test(stderr.tail()) }));
    });
  });
  return {
    get isEnding() {
      return !child.connected || child.exitCode !== null || child.signalCode !== null;
    },
    jobsBegun,
    post: (command) => {
      if (child.connected) child.send(command, () => undefined); // whether it was heard, `exit` tells
    },
    kill: () => void child.kill("SIGKILL"),
  };
}

/** Throws where the system makes no process, which is not worth an open file. */
function forkWith(jobsBegun: JobsBegunInFile, { url, execArgv }: HostProgram): ChildProcess {
  try {
    return fork(fileURLToPath(url), [], {
      execArgv: [...execArgv],
      serialization: "advanced",
      stdio: ["ignore", "inherit", "pipe", "ipc", jobsBegun.stdio],
    });
  } catch (error) {
    jobsBegun.close();
    throw error;
  }
}

/** Writes what the process writes to its stderr to our own, and keeps the end of it. */
function passOn({ stderr }: ChildProcess): { readonly tail: () => string; readonly closed: Promise<unknown> } {
  if (stderr === null) return { tail: () => "", closed: Promise.resolve() };
  let tail = "";
  stderr.on("data", (chunk: Buffer) => {
    process.stderr.write(chunk);
    tail = (tail + chunk.toString()).slice(-LAST_WORDS_LENGTH);
  });
  return { tail: () => tail, closed: once(stderr, "close") };
}
