/** The program of a worker that another process starts anew when it is worn out: the same command line, with a parent. */
import { runProcess } from "../run-process.ts";
import { ParentLink } from "./parent-link.ts";

await runProcess(new ParentLink());
