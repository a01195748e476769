/** finegrain as a contender: its own command line, a process for each build. */

import { programPath } from "../package";
import type { BuildReport } from "../report";
import type { CacheFolder, Contender, Counts, Scenario, Task } from "./contender";
import { one, type Stage } from "./measure";
import type { BuildSettings } from "./peers";

export interface OwnSettings extends BuildSettings {
  units: "module" | "function";
}

/** Makes bitcode of the sources that have changed, where that is to be measured too. */
export interface Frontend {
  name: string;
  stage(task: Task): Stage;
}

export class Finegrain implements Contender {
  readonly name: string;
  readonly startsFrom: Contender["startsFrom"];
  readonly cache: CacheFolder;
  readonly #settings: OwnSettings;
  readonly #threads: number;
  readonly #frontend: Frontend | undefined;

  constructor(settings: OwnSettings, threads: number, cache: CacheFolder, frontend?: Frontend) {
    this.#settings = settings;
    this.#threads = threads;
    this.#frontend = frontend;
    this.cache = cache;
    this.startsFrom = frontend ? "source" : "bitcode";
    const jobs = `${threads} thread${threads === 1 ? "" : "s"}`;
    this.name = frontend ? `${frontend.name} and finegrain, ${jobs}` : `finegrain, ${jobs}`;
  }

  takesPart({ kind }: Scenario): boolean {
    return !this.#frontend || kind === "cold" || kind === "edit";
  }

  stages(task: Task): Stage[] {
    const { units, emit, level, codegenOnly, linkArguments } = this.#settings;
    const options = ["--units", units, "--emit", emit, `-${level}`, "--json"];
    if (codegenOnly) options.push("--codegen-only");
    const cache = task.kind === "off" ? "off" : this.cache.folder;
    options.push("--cache", cache, "--threads", String(this.#threads));
    const forLld = [...linkArguments, ...(task.linkArguments ?? [])];
    if (forLld.length > 0) options.push("--", ...forLld);
    const { bitcode } = task.state;
    const build = one(
      process.execPath,
      programPath("cli"),
      "build",
      ...bitcode,
      "-o",
      task.output,
      ...options,
    );
    return this.#frontend ? [this.#frontend.stage(task), build] : [build];
  }

  countsOf(stdout: string): Counts {
    const { units, cache, phases }: BuildReport = JSON.parse(stdout);
    return { units, lookups: cache.lookups, hits: cache.hits, phases };
  }
}
