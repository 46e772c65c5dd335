import { leaveOut } from "../left-out.ts";
import { output } from "../processes.ts";
import { makePython, PYTHON_PEERS, type PythonPeer } from "../python.ts";
import { installSystemPackages } from "../system-packages.ts";

/** Tells the tests in the environment where the Pythons with Celery are. Without one, its tests are to be skipped. */
export async function setup(): Promise<void> {
  for (const peer of PYTHON_PEERS) await providePython(peer);
}

/** The environment's variable stays unset where there is none to be had. */
export async function providePython(peer: PythonPeer): Promise<void> {
  const named = process.env[peer.variable];
  if (named === "") leaveOut(testsWith(peer), `${peer.variable} is set to nothing`);
  else if (named !== undefined) await checkModules(named, peer);
  else await findOrMake(peer);
}

async function checkModules(python: string, { variable, modules }: PythonPeer): Promise<void> {
  const names = modules.join(", ");
  try {
    await output(python, ["-c", `import ${names}`]);
  } catch (cause) {
    throw new Error(`${variable} names no Python with ${names}: ${python}`, { cause });
  }
}

async function findOrMake(peer: PythonPeer): Promise<void> {
  try {
    await ensurePython();
    process.env[peer.variable] = await makePython(peer);
  } catch (error) {
    leaveOut(testsWith(peer), error instanceof Error ? error.message : String(error));
  }
}

/** Debian has the `venv` module's better half in a package of its own. */
async function ensurePython(): Promise<void> {
  const isThere = await output("python3", ["-c", "import ensurepip, venv"]).then(
    () => true,
    () => false,
  );
  if (!isThere) await installSystemPackages(["python3", "python3-venv"], "the tests with Python's Celery");
}

function testsWith({ name }: PythonPeer): string {
  return `tests with ${name}`;
}
