/** From a URL to a store: one line for each scheme. */

import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { FinegrainError } from "../errors";
import { CasStore } from "./cas";
import { FileStore } from "./file";
import { prunePolicy } from "./file-prune";
import { GuardedStore } from "./guarded";
import { HttpStore } from "./http";
import { RedisStore, redisOptions } from "./redis";
import { Settings } from "./settings";
import { SqliteStore } from "./sqlite";
import { sqlitePolicy } from "./sqlite-schema";
import type { Store } from "./store";
import { TieredStore } from "./tiered";

export type OpenedStore = GuardedStore | TieredStore;

/** Returns the store and how long to wait for it; undefined for a local one. */
type Opener = (url: URL, settings: Settings) => { store: Store; waitMs?: number };

const openers: Record<string, Opener> = {
  "file:": (url, settings) => ({
    store: new FileStore(fileURLToPath(url), prunePolicy(settings)),
  }),
  "sqlite:": (url, settings) => ({
    store: new SqliteStore(pathOf(url), sqlitePolicy(settings), settings.duration("timeout", "2s")),
  }),
  "cas:": openCas,
  "redis:": openRedis,
  "rediss:": openRedis,
  "http:": openHttp,
  "https:": openHttp,
};

/** A build waits longer than for one answer, since it asks for much. */
const patience = 5;

function openCas(url: URL, settings: Settings) {
  const limit = settings.size("cache_size_bytes", "5g");
  if (limit === 0) throw invalid("cache_size_bytes: a store at cas: needs a limit");
  const waitMs = settings.duration("timeout", "2s") * patience;
  return { store: new CasStore(pathOf(url), limit), waitMs };
}

function openRedis(url: URL, settings: Settings) {
  const options = redisOptions(settings);
  return { store: new RedisStore(url, options), waitMs: options.timeout * patience };
}

function openHttp(url: URL, settings: Settings) {
  const timeout = settings.duration("timeout", "2s");
  return { store: new HttpStore(url, timeout), waitMs: timeout * patience };
}

/** Of URLs that name a file, `sqlite:cache.db` or `sqlite:///cache.db`. */
function pathOf({ host, pathname }: URL): string {
  if (host !== "" || pathname === "") throw invalid("a path is needed behind the URL's scheme");
  return decodeURIComponent(pathname);
}

/**
 * Opens the store that `location` names: a folder, a URL, or several in a row,
 * the nearest first, each but the first a URL: `folder,redis://host`.
 */
export function openStore(location: string): Store {
  return openTiers(location);
}

export function openTiers(location: string): OpenedStore {
  const tiers = location.split(/,(?=[a-z][a-z0-9+.-]+:)/i).map(openOne);
  return tiers.length === 1 ? tiers[0]! : new TieredStore(tiers);
}

function openOne(location: string): GuardedStore {
  const url = urlOf(location);
  const open = openers[url.protocol];
  if (!open) throw invalid(`no store for URLs like ${location}`);
  const settings = new Settings(url.searchParams);
  url.search = "";
  const mode = settings.mode();
  const { store, waitMs } = inWords(location, () => open(url, settings));
  settings.end();
  return new GuardedStore(store, { mode, waitMs });
}

function urlOf(location: string): URL {
  if (!/^[a-z][a-z0-9+.-]+:/i.test(location)) return pathToFileURL(path.resolve(location));
  return inWords(location, () => new URL(location));
}

/** Node's own errors about URLs do not say where they come from. */
function inWords<T>(location: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof FinegrainError) throw error;
    throw invalid(`${location}: ${(error as Error).message}`);
  }
}

function invalid(message: string): FinegrainError {
  return new FinegrainError("INVALID_OPTION", `cache: ${message}`);
}
