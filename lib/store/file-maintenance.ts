/** Looking after a file store as a whole: its size, checking all of it, emptying it. */

import path from "node:path";
import { entryStatuses, native } from "../native";
import { bytesOf, isEntry, isStale, listFiles, type StoredFile } from "./file-folders";
import type { FileTotals } from "./file-totals";
import { Steps } from "./steps";
import type { Removal, Verification } from "./store";

const batchSize = 512;

interface Scope {
  root: string;
  totals: FileTotals;
  dryRun: boolean;
}

export async function verify({ root, totals, dryRun }: Scope): Promise<Verification> {
  const steps = new Steps();
  const told = await totals.read();
  const files = await steps.run("list", () => listFiles(root));
  const entries = files.filter(isEntry);
  const bad = await steps.run("check", () => findBad(root, entries));
  const removed = bytesOf(bad);
  if (!dryRun) {
    await steps.run("remove", () => removeAll(bad));
    const now = Date.now() / 1000;
    await steps.run("sweep", () => removeAll(files.filter((file) => isStale(file, now))));
    const left = { files: entries.length - bad.length, bytes: bytesOf(entries) - removed };
    await steps.run("count", () => totals.addPass(told, left));
    await totals.add({ bad: bad.length });
  }
  const badEntries = { removedEntries: bad.length, removedBytes: removed };
  return { entries: entries.length, bad: bad.length, ...badEntries, steps: steps.times };
}

async function findBad(root: string, entries: readonly StoredFile[]): Promise<StoredFile[]> {
  const bad: StoredFile[] = [];
  for (let start = 0; start < entries.length; start += batchSize) {
    const batch = entries.slice(start, start + batchSize);
    const keys = batch.map(({ key }) => Buffer.from(key, "hex"));
    const { statuses } = await native.checkEntries(root, keys);
    bad.push(...batch.filter((_, i) => entryStatuses[statuses[i]!] === "bad"));
  }
  return bad;
}

async function removeAll(files: readonly StoredFile[]): Promise<void> {
  for (let start = 0; start < files.length; start += batchSize)
    await native.removeFiles(files.slice(start, start + batchSize).map(({ path }) => path));
}

export async function clear({ root, totals, dryRun }: Scope): Promise<Removal> {
  const told = await totals.read();
  const files = await listFiles(root);
  const entries = files.filter(isEntry);
  if (!dryRun) {
    await removeAll(files);
    await native.removeFiles([path.join(root, "evicted")]);
    await totals.addPass(told, { files: 0, bytes: 0 });
  }
  return { removedEntries: entries.length, removedBytes: bytesOf(entries) };
}
