/**
 * A store on an HTTP server, in the layout of Bazel's remote cache, so that servers
 * made for that will do, and so will any that takes GET and PUT.
 *
 * Bazel keeps results of actions in /ac/KEY and files in /cas/SHA-256. An entry is
 * an action's result whose standard output is the entry: one request finds it. A
 * large one is kept as a file, to which the result refers. http-action.ts has the bytes.
 */

import { createHash } from "node:crypto";
import { setMaxListeners } from "node:events";
import type { Pool } from "undici";
import { type ActionResult, decodeAction, encodeAction } from "./http-action";
import type { Entry, Lookup, PartNames, PutResult, Store } from "./store";
import { decode, encode, hexOf, type Value } from "./values";

/** Requests at a time. */
const connections = 32;
/** Larger entries are files of their own: servers bound an action's result. */
const largestInline = 1024 * 1024;

export class HttpStore implements Store {
  readonly url: string;
  readonly #timeout: number;
  readonly #origin: string;
  readonly #base: string;
  readonly #headers: Record<string, string>;
  #pool: Pool | undefined;

  constructor(url: URL, timeout: number) {
    this.#timeout = timeout;
    this.#origin = url.origin;
    this.#base = url.pathname.replace(/\/$/, "");
    this.#headers = authorization(url);
    this.url = this.#origin + this.#base;
  }

  prepare(): void {
    this.#pool ??= this.#open();
  }

  async getMany(keys: readonly Uint8Array[], parts: PartNames): Promise<Lookup[]> {
    const values = await this.#each(keys, (key, signal) => this.#get(key, signal));
    return decode(values, keys, parts);
  }

  async putMany(entries: readonly Entry[]): Promise<PutResult> {
    const values = await encode(entries, { compress: true });
    await this.#each(entries, ({ key }, signal, i) => this.#put(key, values[i]!, signal));
    return { addedBytes: values.reduce((sum, { length }) => sum + length, 0), errors: [] };
  }

  async close(): Promise<void> {
    await this.#pool?.destroy();
  }

  async #get(key: Uint8Array, signal: AbortSignal): Promise<Value> {
    const answer = await this.#fetch(`/ac/${hexOf(key)}`, signal);
    if (!answer) return null;
    const { inline, digest } = decodeAction(answer);
    return digest === undefined ? inline : this.#fetch(`/cas/${digest}`, signal);
  }

  async #put(key: Uint8Array, value: Uint8Array, signal: AbortSignal): Promise<void> {
    let action: ActionResult = { inline: value };
    if (value.length > largestInline) {
      const digest = createHash("sha256").update(value).digest("hex");
      await this.#send(`/cas/${digest}`, value, signal);
      action = { digest, size: value.length };
    }
    await this.#send(`/ac/${hexOf(key)}`, encodeAction(action), signal);
  }

  async #fetch(path: string, signal: AbortSignal): Promise<Value> {
    const { statusCode, body } = await this.#request("GET", path, signal);
    if (statusCode === 200) return new Uint8Array(await body.arrayBuffer());
    await body.dump();
    if (statusCode === 404) return null;
    throw new Error(`the answer to GET ${this.#base}${path} is ${statusCode}`);
  }

  async #send(path: string, content: Uint8Array, signal: AbortSignal): Promise<void> {
    const { statusCode, body } = await this.#request("PUT", path, signal, content);
    await body.dump();
    if (statusCode >= 200 && statusCode < 300) return;
    throw new Error(`the answer to PUT ${this.#base}${path} is ${statusCode}`);
  }

  #request(method: "GET" | "PUT", path: string, signal: AbortSignal, body?: Uint8Array) {
    this.prepare();
    return this.#pool!.request({
      method,
      path: this.#base + path,
      headers: this.#headers,
      signal,
      ...(body && { body }),
    });
  }

  #open(): Pool {
    const timeout = this.#timeout;
    // It takes a while to load, and most builds never need it.
    const { Pool } = require("undici") as typeof import("undici");
    return new Pool(this.#origin, {
      connections,
      connect: { timeout },
      headersTimeout: timeout,
      bodyTimeout: timeout,
    });
  }

  /** All at once, as far as there are connections. The first failure stops the rest. */
  async #each<T, R>(
    items: readonly T[],
    run: (item: T, signal: AbortSignal, index: number) => Promise<R>,
  ): Promise<R[]> {
    const stop = new AbortController();
    setMaxListeners(0, stop.signal); // or Node warns of many
    try {
      return await Promise.all(items.map((item, i) => run(item, stop.signal, i)));
    } catch (error) {
      stop.abort();
      throw error;
    }
  }
}

/** From the URL's user and password, else from the environment, which logs do not show. */
function authorization({ username, password }: URL): Record<string, string> {
  const header = process.env.FINEGRAIN_CACHE_AUTHORIZATION;
  if (username === "") return header ? { authorization: header } : {};
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { authorization: `Basic ${Buffer.from(pair).toString("base64")}` };
}
