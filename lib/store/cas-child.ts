/**
 * The process that has the files of a `cas:` store open. LLVM maps them and trusts
 * what is in them, so a damaged file or a full disk may end this process, which then
 * is not the one that builds. It answers one request after the other.
 */

import { Generations } from "./cas-generations";
import type { CasReply, CasRequest } from "./cas-process";
import { FileTotals } from "./file-totals";

const [root, limit] = process.argv.slice(2) as [string, string];
let generations: Generations | undefined;
let last = Promise.resolve();

process.on("message", (request: CasRequest) => {
  last = last.then(() => answer(request));
});
process.on("disconnect", () => {
  void last.then(() => generations?.close());
});
try {
  open();
} catch {} // the first request meets it again

function open(): Generations {
  generations ??= new Generations(root, Number(limit), new FileTotals(root));
  return generations;
}

async function answer(request: CasRequest): Promise<void> {
  const reply = await replyTo(request);
  if (process.connected) process.send!(reply);
}

async function replyTo({ method, args }: CasRequest): Promise<CasReply> {
  try {
    const target = open();
    const run = target[method] as (...args: unknown[]) => unknown;
    return { result: await run.apply(target, args) };
  } catch (error) {
    // A failure to write may have its reason elsewhere, such as a full disk.
    return { error: (error as Error).message, isDamage: method !== "put" || !isSound() };
  }
}

/** Goes through the whole index. */
function isSound(): boolean {
  try {
    open().keys();
    return true;
  } catch {
    return false;
  }
}
