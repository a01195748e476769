/** The file store: one file a key, in 256 folders. native/entries.cc has the format. */

import path from "node:path";
import { pathToFileURL } from "node:url";
import { entryStatuses, native, piece } from "../native";
import type { Entry, Lookup, Parts, PutResult, Store } from "./store";

/** Entries that one job reads; several jobs read in parallel. */
const batchSize = 512;

export class FileStore implements Store {
  readonly url: string;
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = path.resolve(folder);
    this.url = pathToFileURL(this.#folder).href;
  }

  async getMany(keys: readonly Uint8Array[], parts: readonly string[]): Promise<Lookup[]> {
    const batches: Promise<Lookup[]>[] = [];
    for (let start = 0; start < keys.length; start += batchSize)
      batches.push(this.#read(keys.slice(start, start + batchSize), parts));
    return (await Promise.all(batches)).flat();
  }

  async putMany(entries: readonly Entry[]): Promise<PutResult> {
    const writes = await native.writeEntries(
      entries.map(({ key, parts }) => ({ path: this.#path(key), key, parts })),
    );
    return {
      addedBytes: writes.reduce((sum, write) => sum + write.size, 0),
      errors: writes.flatMap((write) => write.error ?? []),
    };
  }

  async #read(keys: Uint8Array[], names: readonly string[]): Promise<Lookup[]> {
    const paths = keys.map((key) => this.#path(key));
    const { statuses, errors, parts } = await native.readEntries(paths, keys, [...names]);
    let errorCount = 0;
    return Array.from(statuses, (number, index) => {
      const status = entryStatuses[number]!;
      if (status === "error") return { status, error: errors[errorCount++] };
      if (status !== "hit") return { status };
      const own: Parts = {};
      for (const name of names) own[name] = piece(parts[name]!, index);
      return { status, parts: own };
    });
  }

  #path(key: Uint8Array): string {
    const name = Buffer.from(key).toString("hex");
    return `${this.#folder}/${name.slice(0, 2)}/${name.slice(2)}`;
  }
}
