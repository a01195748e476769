/** The other side of `link.isolate`: links the archive on stdin, with lld's warnings on stdout. */

import { buffer } from "node:stream/consumers";
import type { LinkArguments } from "./link";
import { native } from "./native";

async function main(): Promise<void> {
  const { before, after } = JSON.parse(process.argv[2]!) as LinkArguments;
  const archive = await buffer(process.stdin);
  try {
    process.stdout.write(await native.linkArchive(before, archive, after));
  } catch (error) {
    process.stderr.write((error as Error).message);
    process.exitCode = 1;
  }
}

void main();
