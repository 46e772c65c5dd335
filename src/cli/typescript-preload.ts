/** For a process or thread of its own that is to import TypeScript. */
import { allowTypeScript } from "./typescript.ts";

await allowTypeScript();
