import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

const KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];

/** An authority (`ca.pem`) and its certificate for a server of that name (`server.pem`, `key.pem`), as PEM files in that directory. */
export async function certificates(directory: string, name = "localhost"): Promise<(name: string) => string> {
  const file = (path: string): string => join(directory, path);
  const request = (...args: readonly string[]) => promisify(execFile)("openssl", ["req", "-x509", ...KEY, ...args]);
  await request("-subj", "/CN=authority", "-keyout", file("ca-key.pem"), "-out", file("ca.pem"));
  const authority = ["-CA", file("ca.pem"), "-CAkey", file("ca-key.pem"), "-addext", `subjectAltName=DNS:${name}`];
  await request("-subj", `/CN=${name}`, ...authority, "-keyout", file("key.pem"), "-out", file("server.pem"));
  return file;
}
