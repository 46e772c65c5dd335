import { serveApi } from "./api/server.ts";

// The API alone; `npm start` runs it together with a worker.
const api = await serveApi({ port: Number(process.env["PORT"] ?? 8000) });
console.log(`Serving ${api.url}`);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void api.close());
