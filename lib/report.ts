/** What a build tells about itself. The field names are a contract: see docs/api.md. */

import type { StoreCounts } from "./store/store";

/** What a build counts itself. */
export interface CacheCounts {
  /** The store's URL; "off" without one. */
  url: string;
  lookups: number;
  hits: number;
  misses: number;
  /** Entries that failed their checks. Each is also a miss. */
  bad: number;
  /** Faults of the store. None of them changes the output. */
  errors: number;
  addedBytes: number;
}

export interface CacheReport extends CacheCounts {
  /** Where several stores stand in a row, what each did, in entries. */
  stores: ({ url: string } & StoreCounts)[];
}

export const phaseNames = [
  "read",
  "split",
  "key",
  "lookup",
  "simplify",
  "emit",
  "store",
  "rename",
  "link",
] as const;
export type PhaseName = (typeof phaseNames)[number];

export interface BuildReport {
  output: string;
  llvmVersion: string;
  threads: number;
  units: number;
  /** With `units: "function"`: the modules that are one unit all the same, and why. */
  wholeModules: { name: string; reason: string }[];
  cache: CacheReport;
  simplify: { lookups: number; hits: number };
  /** Milliseconds of wall time. */
  phases: Record<PhaseName | "total", number>;
  /** What the linker or the store warned about. */
  warnings: string[];
}

/** Measures the phases of one build. */
export class PhaseTimer {
  readonly #start = performance.now();
  readonly #times = Object.fromEntries(phaseNames.map((name) => [name, 0])) as Record<
    PhaseName,
    number
  >;

  async time<T>(phase: PhaseName, work: () => Promise<T>): Promise<T> {
    const start = performance.now();
    try {
      return await work();
    } finally {
      this.#times[phase] += performance.now() - start;
    }
  }

  /** For what runs beside other phases. */
  add(phase: PhaseName, milliseconds: number): void {
    this.#times[phase] += milliseconds;
  }

  report(): BuildReport["phases"] {
    const times = { ...this.#times, total: performance.now() - this.#start };
    return Object.fromEntries(
      Object.entries(times).map(([name, ms]) => [name, Math.round(ms * 100) / 100]),
    ) as BuildReport["phases"];
  }
}

/** The lines that `timings` prints. The two on the cache are those of Julia's build. */
export function timingLines(report: BuildReport): string {
  const phases = Object.entries(report.phases).map(
    ([name, ms]) => `${name.padEnd(8)} ${ms.toFixed(1).padStart(10)} ms`,
  );
  const { hits, lookups, addedBytes } = report.cache;
  const percent = lookups === 0 ? 0 : Math.floor((hits * 100) / lookups);
  const cache =
    report.cache.url === "off"
      ? ["cache off"]
      : [`cache hits: ${hits}/${lookups} (${percent}%)`, `added ${addedBytes} B to cache`];
  return [...phases, ...cache, ""].join("\n");
}
