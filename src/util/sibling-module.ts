import { extname } from "node:path";

/** The address of the module `name`, such as `./renewer`, beside the one with the address `from`: TypeScript in the sources, JavaScript in the package. */
export function siblingModule(name: string, from: string): URL {
  const { pathname } = new URL(from);
  return new URL(`${name}${extname(pathname)}`, from);
}
