import { ResultBackendUnavailableError } from "../backend/errors.ts";
import type { StoredCanvas } from "../backend/canvases.ts";
import type { ChordPlan } from "../backend/chords.ts";
import type { ResultNode } from "../backend/groups.ts";
import type { ResultBackend } from "../backend/result-backend.ts";
import type { RoutedRequest } from "./routed-request.ts";

/** What goes out together: messages, the chords that wait for them, and what will be known of all that they lead to. */
export interface Dispatch {
  readonly requests: readonly RoutedRequest[];
  readonly chords: readonly WaitingChord[];
  /** What the messages name, and do not carry. */
  readonly canvases: readonly StoredCanvas[];
  /** One for each signature that was dispatched. */
  readonly results: readonly ResultNode[];
}

/** A chord that waits for what goes out. */
export interface WaitingChord {
  readonly plan: ChordPlan;
  /** What its header's results are, where that is more than a list. */
  readonly header: ResultNode | undefined;
}

export const NOTHING_TO_DISPATCH: Dispatch = { requests: [], chords: [], canvases: [], results: [] };

/** Makes known what waits for the messages that are about to be sent, and what they name. Doing it again is fine. Rejects with ResultBackendUnavailableError. */
export async function announce(
  { chords, canvases }: Pick<Dispatch, "chords" | "canvases">,
  backend: ResultBackend | undefined,
): Promise<void> {
  if (chords.length + canvases.length === 0) return;
  if (backend === undefined)
    throw new ResultBackendUnavailableError("(none)", "a chord waits for results, and none are kept here.");
  await Promise.all(canvases.map((canvas) => backend.canvases.save(canvas)));
  await Promise.all(chords.flatMap(({ header }) => (header === undefined ? [] : [backend.groups.save(header)])));
  await backend.chords.begin(chords.map(({ plan }) => plan));
}

/** The opposite, for what was not sent. */
export async function withdraw(chords: readonly WaitingChord[], backend: ResultBackend | undefined): Promise<void> {
  const nobody = { taskId: "", index: null };
  for (const { plan } of chords) await backend?.chords.end({ chordId: plan.chordId, ...nobody }, "sent");
}
