/** A contest over bitcode whose source nobody has: edits are made in the bitcode. */

import { linkSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { FinegrainError } from "../errors";
import { readInput } from "../inputs";
import { type InputModule, native } from "../native";
import { CacheFolder, outputIn, type Scenario, type State } from "./contender";
import { Finegrain, type OwnSettings } from "./own";
import { type Absent, bitcodePeers } from "./peers";
import { type Contest, type ContestResults, runContest } from "./run";

export interface BitcodeBenchOptions extends Omit<OwnSettings, "jobs" | "emit"> {
  inputs: readonly string[];
  emit: "shared" | "executable";
  threads: readonly number[];
  rounds: number;
  /** Run others too, where they are installed. */
  peers: boolean;
  onProgress?: Contest["onProgress"];
}

export interface BitcodeBench extends ContestResults {
  /** The contender that ratios refer to. */
  baseline: string;
  modules: number;
  functions: number;
  absent: Absent[];
}

export async function benchBitcode(options: BitcodeBenchOptions): Promise<BitcodeBench> {
  const { work, threads, peers, rounds, onProgress } = options;
  const modules = (await Promise.all(options.inputs.map(readInput))).flat();
  const writer = new StateWriter(modules, work);
  const scenarios = await scenariosFor(writer);
  const settings = { ...options, jobs: Math.max(...threads) };
  const newCache = (name: string) => new CacheFolder(path.join(work, `${name}-cache`));
  const cache = newCache("finegrain");
  const own = threads.map((count) => new Finegrain(settings, count, cache));
  const others = peers ? bitcodePeers(settings, newCache) : { contenders: [], absent: notAsked };
  const baseline = others.contenders[0]?.name ?? own[0]!.name;
  const outcome = await runContest({
    scenarios,
    contenders: [...others.contenders, ...own],
    rounds,
    baseline,
    outputOf: (contender) => outputIn(work, contender),
    onProgress,
  });
  const functions = modules.reduce((sum, module) => sum + functionsIn(module), 0);
  const absent = [...others.absent, ...sourceOnly];
  return { baseline, modules: modules.length, functions, absent, ...outcome };
}

const notAsked: Absent[] = [{ name: "clang, opt and llc, ThinLTO", reason: "not asked for" }];
const sourceOnly: Absent[] = [
  { name: "ccache, sccache", reason: "they cache what is compiled from source" },
  { name: "rustc, incremental", reason: "it starts from source" },
];

/** A digest has 16 bytes. */
export function functionsIn({ functionDigests }: InputModule): number {
  return functionDigests.length / 16;
}

/** Of a function in every so many, a header is taken to change the code. */
const headerReaches = 10;

async function scenariosFor(writer: StateWriter): Promise<Scenario[]> {
  const original = await writer.write("as it is", () => 0);
  const largest = writer.largest();
  const once = await writer.write("one function edited", (_, i) => (i === largest ? 1 : 0));
  const wide = await writer.write("header edited", (module) =>
    Math.ceil(functionsIn(module) / headerReaches),
  );
  return [
    { name: "cold", kind: "cold", state: original },
    { name: "cache off", kind: "off", state: original },
    { name: "all hits", kind: "hits", state: original },
    { name: "all hits, linked again", kind: "relink", state: original },
    { name: "one-function edit", kind: "edit", state: once },
    { name: "header-wide edit", kind: "edit", state: wide },
  ];
}

/** Writes modules as files, one folder for each state, under the same names. */
export class StateWriter {
  readonly #modules: readonly InputModule[];
  readonly #work: string;
  #original: State | undefined;

  constructor(modules: readonly InputModule[], work: string) {
    this.#modules = modules;
    this.#work = work;
  }

  /** The module with most functions. */
  largest(): number {
    const counts = this.#modules.map(functionsIn);
    return counts.indexOf(Math.max(...counts));
  }

  /** `edits` tells how many functions of a module are edited, and `first` where they start. */
  async write(
    name: string,
    edits: (module: InputModule, index: number) => number,
    first = 0,
  ): Promise<State> {
    const folder = path.join(this.#work, name.replaceAll(" ", "-"));
    mkdirSync(folder, { recursive: true });
    const bitcode = this.#modules.map((_, i) => path.join(folder, `module-${i}.bc`));
    const changed: number[] = [];
    for (const [i, module] of this.#modules.entries()) {
      const count = edits(module, i);
      if (this.#original && count === 0) linkSync(this.#original.bitcode[i]!, bitcode[i]!);
      else if ((await this.#edit(module, count, first, bitcode[i]!)) > 0) changed.push(i);
    }
    if (this.#original && changed.length === 0)
      throw new FinegrainError("BENCHMARK_FAILED", "no function has a constant to edit");
    const state = { name, bitcode, sources: [], changed };
    this.#original ??= state;
    return state;
  }

  /** What is not edited is written anew all the same: an edit must not change the writer too. */
  async #edit(module: InputModule, count: number, first: number, file: string): Promise<number> {
    const edited = await native.editFunctions(module.bitcode, count, first);
    writeFileSync(file, edited.bitcode);
    return edited.count;
  }
}
