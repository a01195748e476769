/** A store on a Redis server, for several machines. Its own TTL and memory limit keep it small. */

import type { Redis } from "ioredis";
import { addCounts, noTotals } from "./counts";
import type { Settings } from "./settings";
import { Steps } from "./steps";
import type {
  Entry,
  Lookup,
  MaintenanceOptions,
  PartNames,
  PutResult,
  Removal,
  Store,
  StoreCounts,
  StoreStats,
  Verification,
} from "./store";
import { decode, encode, hexOf, inBatches } from "./values";

export interface RedisOptions {
  /** Milliseconds for a connection, and for each answer. */
  timeout: number;
  prefix: string;
  /** Milliseconds that an entry stays; 0 for ever. */
  ttl: number;
}

export function redisOptions(settings: Settings): RedisOptions {
  return {
    timeout: settings.duration("timeout", "2s"),
    prefix: settings.text("prefix", "finegrain:"),
    ttl: settings.duration("ttl", "30d"),
  };
}

/** Keys in one command, so that each answer comes within the time-out. */
const batchSize = 500;

export class RedisStore implements Store {
  readonly url: string;
  readonly #target: string;
  readonly #options: RedisOptions;
  #redis: Redis | undefined;
  /** ioredis tells why a connection failed apart from the commands that wait for it. */
  #cause: Error | undefined;

  constructor(url: URL, options: RedisOptions) {
    this.#target = url.href;
    this.#options = options;
    this.url = `${url.protocol}//${url.host}${url.pathname}`;
  }

  prepare(): void {
    this.#connection();
  }

  async getMany(keys: readonly Uint8Array[], parts: PartNames): Promise<Lookup[]> {
    // While one batch is checked on other threads, the next arrives.
    return inBatches(keys, batchSize, async (some) => {
      const hex = Buffer.concat(some).toString("hex"); // in one go: it is called for thousands
      const names = some.map((_, i) => this.#options.prefix + hex.slice(64 * i, 64 * (i + 1)));
      return decode(await this.#ask((redis) => redis.mgetBuffer(names)), some, parts);
    });
  }

  async putMany(entries: readonly Entry[]): Promise<PutResult> {
    const values = await encode(entries);
    for (let start = 0; start < entries.length; start += batchSize) {
      const batch = entries.slice(start, start + batchSize);
      await this.#pipe(batch.map(({ key }, i) => this.#set(key, values[start + i]!)));
    }
    return { addedBytes: values.reduce((sum, { length }) => sum + length, 0), errors: [] };
  }

  async record(counts: StoreCounts): Promise<void> {
    const more = Object.entries({ ...counts, builds: 1 }).filter(([, value]) => value > 0);
    await this.#pipe(more.map(([name, value]) => ["hincrby", this.#totals, name, value]));
  }

  async close(): Promise<void> {
    // Of a connection that has ended ioredis would wait for the end.
    if (this.#redis?.status !== "end") this.#redis?.disconnect();
  }

  async stats(): Promise<StoreStats> {
    const sum = { entries: 0, bytes: 0 };
    for await (const names of this.#entries()) {
      const sizes = await this.#pipe(names.map((name) => ["strlen", name]));
      sum.entries += names.length;
      sum.bytes += sizes.reduce<number>((bytes, size) => bytes + Number(size), 0);
    }
    const read = await this.#ask((redis) => redis.hgetall(this.#totals));
    const totals = Object.entries(read).map(([name, value]) => [name, Number(value)]);
    return {
      ...sum,
      limitBytes: 0,
      totals: addCounts(noTotals(), Object.fromEntries(totals)),
    };
  }

  async verify({ dryRun = false }: MaintenanceOptions = {}): Promise<Verification> {
    const steps = new Steps();
    const removal = { removedEntries: 0, removedBytes: 0 };
    let entries = 0;
    await steps.run("check", async () => {
      for await (const names of this.#entries()) {
        const keys = names.map((name) => this.#key(name));
        const values = await this.#ask((redis) => redis.mgetBuffer(names));
        const lookups = await decode(values, keys, "all");
        const bad = names.filter((_, i) => lookups[i]!.status === "bad");
        entries += names.length;
        removal.removedEntries += bad.length;
        names.forEach((_, i) => {
          if (lookups[i]!.status === "bad") removal.removedBytes += values[i]!.length;
        });
        if (!dryRun) await this.#unlink(bad);
      }
    });
    return { entries, bad: removal.removedEntries, ...removal, steps: steps.times };
  }

  async clear({ dryRun = false }: MaintenanceOptions = {}): Promise<Removal> {
    const { entries, bytes } = await this.stats();
    if (!dryRun) for await (const names of this.#entries()) await this.#unlink(names);
    return { removedEntries: entries, removedBytes: bytes };
  }

  get #totals(): string {
    return `${this.#options.prefix}totals`;
  }

  #name(key: Uint8Array): string {
    return this.#options.prefix + hexOf(key);
  }

  #key(name: string): Uint8Array {
    return Buffer.from(name.slice(this.#options.prefix.length), "hex");
  }

  #set(key: Uint8Array, value: Uint8Array): Command {
    const { ttl } = this.#options;
    return ["set", this.#name(key), value as Buffer, ...(ttl > 0 ? ["PX", ttl] : [])];
  }

  /** The names of all entries, a batch at a time. */
  async *#entries(): AsyncGenerator<string[]> {
    const pattern = `${this.#options.prefix.replace(/[*?[\]\\]/g, "\\$&")}*`;
    let cursor = "0";
    do {
      const [next, names] = await this.#ask((redis) =>
        redis.scan(cursor, "MATCH", pattern, "COUNT", batchSize),
      );
      const entries = names.filter((name) => this.#key(name).length === 32);
      if (entries.length > 0) yield entries;
      cursor = next;
    } while (cursor !== "0");
  }

  async #unlink(names: string[]): Promise<void> {
    if (names.length > 0) await this.#ask((redis) => redis.unlink(names));
  }

  /** Commands that travel together. */
  async #pipe(commands: Command[]): Promise<unknown[]> {
    const results = await this.#ask((redis) => redis.pipeline(commands).exec());
    return (results ?? []).map(([error, result]) => {
      if (error) throw error;
      return result;
    });
  }

  async #ask<T>(command: (redis: Redis) => Promise<T>): Promise<T> {
    const redis = this.#connection();
    try {
      return await command(redis);
    } catch (error) {
      throw this.#cause ?? error;
    }
  }

  /** A build does not come here again after a fault, but the next one does. */
  #connection(): Redis {
    if (!this.#redis || this.#redis.status === "end") this.#redis = this.#connect();
    return this.#redis;
  }

  #connect(): Redis {
    const { timeout } = this.#options;
    this.#cause = undefined;
    // It takes a while to load, and most builds never need it.
    const { Redis } = require("ioredis") as typeof import("ioredis");
    const redis = new Redis(this.#target, {
      connectTimeout: timeout,
      commandTimeout: timeout,
      maxRetriesPerRequest: 0,
      retryStrategy: () => null,
      enableReadyCheck: false,
      // ioredis waits for its answer, and takes a connection that has ended meanwhile for ready.
      disableClientInfo: true,
    });
    redis.on("error", (error: Error) => {
      this.#cause = error;
    });
    return redis;
  }
}

type Command = [name: string, ...args: (string | number | Buffer)[]];
