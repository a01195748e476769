// Where a workload is built: its folder, how finegrain builds it, its caches.

import { mkdirSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { CacheFolder, Finegrain, outputIn } from "../dist/bench.js";

export const jobs = os.availableParallelism();
const threadCounts = [...new Set([1, 2, 4, jobs])];

export class Site {
  work;
  settings;
  ownCache;

  constructor({ emit, libraries, units = "function" }, work) {
    mkdirSync(work, { recursive: true });
    this.work = work;
    const how = { emit, units, level: "O2", codegenOnly: false };
    this.settings = { ...how, linkArguments: libraries, jobs, work };
    this.ownCache = this.newCache("finegrain");
  }

  newCache = (name) => new CacheFolder(path.join(this.work, `${name}-cache`));

  own(threads = jobs, settings = {}) {
    return new Finegrain({ ...this.settings, ...settings }, threads, this.ownCache);
  }

  /** On each number of threads; they share a cache, which depends on none. */
  ownContenders() {
    return threadCounts.map((threads) => this.own(threads));
  }

  outputOf = (contender) => outputIn(this.work, contender);
}
