import { Celeriac } from "celeriac";
import { defineShopTasks } from "../../support/shop-tasks.ts";

const settings = { workerPoolRestarts: true, workerSendTaskEvents: true };

/** The shop's tasks for a worker whose pool grows, shrinks and is restarted. CELERY_BROKER_URL and CELERY_RESULT_BACKEND say where. */
export const app: Celeriac = new Celeriac({ name: "scaled", ...settings });
defineShopTasks(app);
