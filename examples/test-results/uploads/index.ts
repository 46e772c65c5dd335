export { HEAD_LENGTH, isGzip, isXml } from "./formats.ts";
export { limitBytes } from "./limit-bytes.ts";
export { peek } from "./peek.ts";
export { unpack, type PackedFile } from "./unpack.ts";
export { UploadStore } from "./upload-store.ts";
