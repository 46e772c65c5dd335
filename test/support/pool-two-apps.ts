/** A module of which a pool's children may want either app. */
import { Celeriac } from "celeriac";

export const app: Celeriac = new Celeriac({ broker: "memory:" }, { env: {} });
app.task("ping", () => "from app");

export const other: Celeriac = new Celeriac({ broker: "memory:" }, { env: {} });
other.task("ping", () => other.config.taskDefaultQueue);
