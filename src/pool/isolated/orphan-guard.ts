import { spawn, type ChildProcess } from "node:child_process";

/**
 * Reads `+ pid` and `- pid`; at the end of its input, which is the end of its parent, kills the processes that are left. A shell, because
 * a loop in the child's own JavaScript would keep it from noticing, and a thread for that in each child takes ten times the memory.
 */
const SCRIPT = `
trap '' HUP INT QUIT TERM
pids=' '
while read -r sign pid; do
  case $sign in
    +) pids="$pids$pid " ;;
    -) pids="\${pids%% $pid *} \${pids#* $pid }" ;;
  esac
done
kill -KILL $pids 2>/dev/null
`;

/**
 * Sees to it that processes end with this one, even when it is killed and they are in a loop that never yields. Where there is no `sh`, they
 * end when they yield; on Windows, the system ends them.
 */
class OrphanGuard {
  readonly #pids = new Set<number>();
  #shell: ChildProcess | undefined;

  add(pid: number): void {
    if (process.platform === "win32") return;
    this.#pids.add(pid);
    this.#shell ??= this.#start();
    this.#shell.stdin?.write(`+ ${pid}\n`);
  }

  remove(pid: number): void {
    if (!this.#pids.delete(pid)) return;
    this.#shell?.stdin?.write(`- ${pid}\n`);
    if (this.#pids.size > 0) return;
    this.#shell?.stdin?.end();
    this.#shell = undefined;
  }

  #start(): ChildProcess {
    const shell = spawn("sh", ["-c", SCRIPT, "celeriac-guard"], { stdio: ["pipe", "ignore", "ignore"] });
    shell.on("error", () => undefined); // there is none
    shell.stdin.on("error", () => undefined); // it is gone
    shell.unref();
    return shell;
  }
}

export const orphanGuard: OrphanGuard = new OrphanGuard();
