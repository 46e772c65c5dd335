import type { Place } from "./contender.ts";

/** What measurements take place on beside a directory: started for one suite, and ended with it. */
export interface Server extends AsyncDisposable {
  /** With its name. */
  readonly version: string;
  /** What a measurement is told of it, once nothing of another is in it. */
  readonly emptied: () => Promise<Omit<Place, "directory">>;
}
