/** The store of one build, from its opening to what the report says of it. */

import type { CacheCounts, CacheReport } from "../report";
import { defaultGuard, GuardedStore } from "./guarded";
import { type OpenedStore, openTiers } from "./open";
import type { Store } from "./store";
import { TieredStore } from "./tiered";

export class BuildCache {
  /** undefined with the cache off. */
  readonly store: OpenedStore | undefined;
  readonly #isOwn: boolean;

  /** A store that the caller brings stays open. */
  constructor(cache: string | Store) {
    this.#isOwn = typeof cache === "string";
    this.store = typeof cache === "string" ? openUnlessOff(cache) : guard(cache);
    this.store?.prepare();
  }

  /** Adds to `seen`, what the build has counted, what it could not see. */
  async finish(seen: CacheCounts): Promise<{ cache: CacheReport; warnings: string[] }> {
    if (!this.store) return { cache: { ...seen, stores: [] }, warnings: [] };
    const late = await this.store.finish();
    const tiers = this.store instanceof TieredStore ? this.store.tiers : [this.store];
    return {
      cache: {
        ...seen,
        bad: seen.bad + late.bad,
        errors: seen.errors + late.errors.length,
        addedBytes: seen.addedBytes + late.addedBytes,
        stores: tiers.map(({ url, counts }) => ({ url, ...counts })),
      },
      warnings: [...late.errors.slice(0, 1), ...late.warnings].map((text) => `cache: ${text}`),
    };
  }

  close(): void {
    if (this.#isOwn) this.store?.close().catch(() => {});
  }
}

function openUnlessOff(cache: string): OpenedStore | undefined {
  return cache === "off" ? undefined : openTiers(cache).forBuild();
}

function guard(store: Store): OpenedStore {
  if (store instanceof GuardedStore || store instanceof TieredStore) return store.forBuild();
  return new GuardedStore(store, defaultGuard).forBuild();
}
