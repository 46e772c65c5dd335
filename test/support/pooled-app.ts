/** The app of test/conformance/worker-in-pools, as worker processes and the children of pools import it. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Celeriac } from "celeriac";
import { BROKEN, makePooledApp, type Place, PLACE_VARIABLE } from "./pooled-tasks.ts";

const place = JSON.parse(process.env[PLACE_VARIABLE] ?? "") as Place;
if (existsSync(join(place.directory, BROKEN))) throw new Error("the app is broken");

export const app: Celeriac = makePooledApp(place);
