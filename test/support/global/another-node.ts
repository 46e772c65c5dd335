export { provideAnotherNode as setup } from "../another-node.ts";
