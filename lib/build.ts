/** The pipeline on one page: inputs, units, code, link names, output. */

import path from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { isLinked, unitKind, withLinkNames, writeOutput } from "./assemble";
import { type CodeResult, codeFor } from "./code";
import type { FinegrainError } from "./errors";
import { type InputFile, loadInput, modulesIn } from "./inputs";
import { Faults } from "./lookups";
import { type InputModule, native } from "./native";
import { type BuildOptions, type ProgressEvent, type ResolvedBuild, resolveBuild } from "./options";
import { OutputFile } from "./output";
import { type Outcome, OutputMemory } from "./output-memory";
import { type BuildReport, PhaseTimer, timingLines } from "./report";
import { runAll, throwIfAborted, untilAborted } from "./schedule";
import { OutdatedMemory } from "./split-memory";
import { BuildCache } from "./store/build-cache";
import type { Entry, Store } from "./store/store";
import { StoreWriter } from "./store/writer";
import { commonTriple, isSimplified, stepOptions } from "./target";
import { type SplitAllOptions, splitAll, type UnitSet } from "./units";
import { wholeModules } from "./whole-modules";

/**
 * Builds `options.output` from bitcode and says what it took.
 * Throws a FinegrainError; then no output is left behind.
 */
export async function build(options: BuildOptions): Promise<BuildReport> {
  const resolved = resolveBuild(options);
  return untilAborted(resolved.signal, () => run(resolved));
}

async function run(options: ResolvedBuild): Promise<BuildReport> {
  const cache = new BuildCache(options.cache);
  try {
    return await runWith(cache, options);
  } finally {
    cache.close();
  }
}

async function runWith(cache: BuildCache, options: ResolvedBuild): Promise<BuildReport> {
  const timer = new PhaseTimer();
  const output = new OutputFile(options.output);
  await output.check();
  const { store } = cache;
  const faults = new Faults();
  const files = await loadInputs(options, timer);
  const memory = new OutputMemory(options, files, options.verify ? undefined : store, faults);
  const context = { options, output, store, faults, memory, timer };
  const recalled = await timer.time("lookup", () => memory.recall());
  const { outcome, counts, simplify, warnings } = recalled
    ? await rewrite(recalled, context)
    : await makeOrRepair(await readModules(files, context), context);
  const stored = await timer.time("store", () =>
    cache.finish({
      url: store?.url ?? "off",
      lookups: counts.lookups,
      hits: counts.hits,
      misses: counts.misses,
      bad: faults.bad,
      errors: faults.errors.length,
      addedBytes: counts.addedBytes,
    }),
  );
  const report: BuildReport = {
    output: options.output,
    llvmVersion: native.version().llvm,
    threads: options.threads,
    units: outcome.units,
    wholeModules: outcome.wholeModules,
    cache: stored.cache,
    simplify,
    phases: timer.report(),
    // A store that fails once fails often: its first words are enough.
    warnings: [
      ...faults.errors.slice(0, 1).map((error) => `cache: ${error}`),
      ...warnings,
      ...stored.warnings,
      ...outcome.warnings,
    ],
  };
  if (options.timings) process.stderr.write(timingLines(report));
  return report;
}

interface Context {
  options: ResolvedBuild;
  output: OutputFile;
  store: Store | undefined;
  faults: Faults;
  memory: OutputMemory;
  timer: PhaseTimer;
}

type Result = Omit<CodeResult, "units"> & { outcome: Outcome };

/** An output that was remembered. All its units count as hits. */
async function rewrite(
  { content, outcome }: { content: Uint8Array; outcome: Outcome },
  { options, output, timer }: Context,
): Promise<Result> {
  const isProgram = isLinked(options) && options.emit !== "object";
  try {
    await timer.time("link", () => output.write(content, isProgram ? 0o777 : 0o666));
    throwIfAborted(options.signal);
    await output.commit();
  } finally {
    await output.discard();
  }
  const { units, simplified } = outcome;
  return {
    outcome,
    counts: { lookups: units, hits: units, misses: 0, addedBytes: 0 },
    simplify: { lookups: simplified, hits: simplified },
    warnings: [],
  };
}

/** An entry may be sound and yet be wrong. Then nothing is taken from the store. */
async function makeOrRepair(inputs: InputModule[], context: Context): Promise<Result> {
  const { options, store, faults } = context;
  try {
    return await make(inputs, context);
  } catch (error) {
    const isFromStore =
      error instanceof OutdatedMemory || (error as FinegrainError).code === "INVALID_OBJECT";
    if (!isFromStore || !store || options.verify) throw error;
    faults.bad++;
    return make(inputs, { ...context, options: { ...options, verify: true } });
  }
}

async function make(inputs: InputModule[], context: Context): Promise<Result> {
  const { options, output, store, faults, memory, timer } = context;
  const { sets: modules, memories } = await splitInputs(inputs, options, store, faults, timer);
  const units = modules.flatMap((module) => module.units);
  const triple = commonTriple(modules, options.target);
  const request = {
    ...options,
    program: programName(options.output, modules),
    units,
    modules: modules.flatMap(({ units }, index) => units.map(() => index)),
    store,
    faults,
    options: stepOptions(options, triple, unitKind(options.emit)),
    isSimplified: splitsFunctions(options) && isSimplified(options),
  };
  const code = await codeFor(request, timer);
  const outcome: Outcome = {
    units: code.units.length,
    wholeModules: modules
      .filter(({ wholeReason }) => wholeReason)
      .map(({ name, wholeReason }) => ({ name, reason: wholeReason })),
    simplified: code.simplify.lookups,
    warnings: [],
  };
  const { units: made, memories: memoriesOf } = code;
  const kind = unitKind(options.emit);
  const contents = await timer.time("rename", () => withLinkNames(made, kind));
  const program = { options, output, modules, units: made, contents, triple, memory };
  const writing = writeOutput(program, outcome, timer);
  const ofCode = memoriesOf ? [() => memoriesOf(contents)] : [];
  const remembering = remember([...memories, ...ofCode], context);
  try {
    outcome.warnings = await writing;
  } finally {
    await timer.time("store", () => remembering);
  }
  return { ...code, outcome };
}

/** Puts memories into the store, and makes them while the linker is at work. */
async function remember(
  memories: (() => Entry | Entry[])[],
  { store, faults }: Context,
): Promise<void> {
  if (!store) return;
  const writer = new StoreWriter(store, faults.errors);
  for (const memory of memories) {
    await nextTurn();
    for (const entry of [memory()].flat()) writer.add(entry);
  }
  await writer.finish();
}

/** Where files lie does not matter: builds in temporary folders are of one program too. */
function programName(output: string, modules: UnitSet[]): string {
  return [output, ...modules.map(({ name }) => name)].map((file) => path.basename(file)).join(":");
}

function loadInputs(options: ResolvedBuild, timer: PhaseTimer): Promise<InputFile[]> {
  const { inputs, threads, signal } = options;
  const progress = progressOf(options, "read");
  return timer.time("read", () => runAll(inputs, threads, loadInput, signal, progress));
}

/** Modules are copies of what is in the files, which are let go. */
function readModules(files: InputFile[], { options, timer }: Context): Promise<InputModule[]> {
  const { threads, signal } = options;
  return timer.time("read", async () =>
    (await runAll(files.splice(0), threads, modulesIn, signal)).flat(),
  );
}

function splitInputs(
  inputs: InputModule[],
  options: ResolvedBuild,
  store: Store | undefined,
  faults: Faults,
  timer: PhaseTimer,
) {
  const { threads, signal, verify } = options;
  const how: SplitAllOptions = {
    units: splitsFunctions(options) ? "function" : "module",
    codegenOnly: options.codegenOnly,
    isSimplified: isSimplified(options),
    store: verify ? undefined : store,
    faults,
    onDone: progressOf(options, "split"),
    threads,
    signal,
  };
  const program = path.basename(options.output);
  return timer.time("split", () =>
    how.units === "function" ? splitAll(inputs, how) : wholeModules(inputs, { ...how, program }),
  );
}

function progressOf({ onProgress }: ResolvedBuild, phase: ProgressEvent["phase"]) {
  return (done: number, total: number) => onProgress?.({ phase, done, total });
}

/** Text and bitcode are asked for by module. */
function splitsFunctions({ units, emit }: ResolvedBuild): boolean {
  return units === "function" && unitKind(emit) === "object";
}
