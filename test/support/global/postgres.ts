export { providePostgres as setup } from "../services.ts";
