/** One measurement in a process of its own: nobody pays for what another has left in the heap, or has taught the compiler. */
import { measure, type Measurement } from "./measure.ts";

const measurement = JSON.parse(process.env["BENCH_MEASUREMENT"] ?? "{}") as Measurement;
process.stdout.write(`${JSON.stringify(await measure(measurement))}\n`);
