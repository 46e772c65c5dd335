import type { Clock } from "../../util/clock.ts";
import { leaveTidy, runMaintenance } from "./maintenance.ts";
import { canonicalPath, openSharedDatabase, type OpenOptions, type SharedDatabase } from "./shared-database.ts";

/** One user's share in an open file. */
export interface Hold {
  readonly shared: SharedDatabase;
  /** Closes the file when nobody else has a share in it. To be called once. */
  readonly release: () => Promise<void>;
}

interface OpenFile {
  users: number;
  readonly opening: Promise<SharedDatabase>;
}

/** By clock, then by canonical path: whoever brings another clock gets another connection, whose waiting goes by that clock. */
const openFiles = new WeakMap<Clock, Map<string, OpenFile>>();

export type FilePlace = Omit<OpenOptions, "release">;

/** A share in the file, which is opened if nobody has it open: how often it is looked at is for the first of its users to say. */
export async function acquireFile(place: FilePlace): Promise<Hold> {
  const { clock } = place;
  const key = canonicalPath(place.path);
  const files = filesOf(clock);
  const file = files.get(key) ?? startOpening(files, { ...place, path: key });
  file.users += 1;
  const release = async (): Promise<void> => {
    file.users -= 1;
    if (file.users > 0) return;
    forget(files, key, file);
    const shared = await file.opening;
    leaveTidy(shared, clock.now());
    await shared[Symbol.asyncDispose]();
  };
  return { shared: await file.opening, release };
}

function filesOf(clock: Clock): Map<string, OpenFile> {
  const files = openFiles.get(clock) ?? new Map<string, OpenFile>();
  openFiles.set(clock, files);
  return files;
}

function startOpening(files: Map<string, OpenFile>, place: FilePlace): OpenFile {
  const { path: key } = place;
  const opening = openAndMaintain({ ...place, release: () => forget(files, key, file) });
  const file: OpenFile = { users: 0, opening };
  files.set(key, file);
  opening.catch(() => forget(files, key, file));
  return file;
}

async function openAndMaintain(options: OpenOptions): Promise<SharedDatabase> {
  const shared = await openSharedDatabase(options);
  void runMaintenance(shared, options.clock);
  return shared;
}

function forget(files: Map<string, OpenFile>, key: string, file: OpenFile): void {
  if (files.get(key) === file) files.delete(key);
}
