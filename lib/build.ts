/** The pipeline on one page: inputs, units, code, link names, output. */

import { codeFor, type UnitCode } from "./code";
import { emitBody } from "./emit";
import { FinegrainError } from "./errors";
import { readInput } from "./inputs";
import { type LinkedOutput, link } from "./link";
import { noNames } from "./names";
import { native, type UnitKind } from "./native";
import {
  type BuildOptions,
  type Emit,
  type ProgressEvent,
  type ResolvedBuild,
  resolveBuild,
} from "./options";
import { OutputFile } from "./output";
import { type BuildReport, PhaseTimer, timingLines } from "./report";
import { runAll, throwIfAborted, untilAborted } from "./schedule";
import { openStore } from "./store/open";
import type { Store } from "./store/store";
import { commonTriple, emitOptions, isSimplified, stepOptions } from "./target";
import { type SplitAllOptions, splitAll, type UnitSet } from "./units";

/**
 * Builds `options.output` from bitcode and says what it took.
 * Throws a FinegrainError; then no output is left behind.
 */
export async function build(options: BuildOptions): Promise<BuildReport> {
  const resolved = resolveBuild(options);
  return untilAborted(resolved.signal, () => run(resolved));
}

async function run(options: ResolvedBuild): Promise<BuildReport> {
  const timer = new PhaseTimer();
  const output = new OutputFile(options.output);
  await output.check();
  const store = options.cache === "off" ? undefined : openStore(options.cache);

  const { sets: modules, memories } = await splitInputs(options, store, timer);
  const units = modules.flatMap((module) => module.units);
  const triple = commonTriple(modules, options.target);
  const steps = stepOptions(options, triple, unitKind(options.emit));
  const isWalk = splitsFunctions(options) && isSimplified(options);
  const code = await codeFor(
    { ...options, units, store, memories, options: steps, isSimplified: isWalk },
    timer,
  );
  const program: Program = { options, output, modules, units: code.units, triple };
  const linkWarnings = await writeOutput(program, timer);

  const report: BuildReport = {
    output: options.output,
    llvmVersion: native.version().llvm,
    threads: options.threads,
    units: code.units.length,
    wholeModules: modules
      .filter(({ wholeReason }) => wholeReason)
      .map(({ name, wholeReason }) => ({ name, reason: wholeReason })),
    cache: code.cache,
    simplify: code.simplify,
    phases: timer.report(),
    warnings: [...code.warnings, ...linkWarnings],
  };
  if (options.timings) process.stderr.write(timingLines(report));
  return report;
}

/** Everything that decides the output's bytes. */
interface Program {
  options: ResolvedBuild;
  output: OutputFile;
  modules: UnitSet[];
  units: UnitCode[];
  triple: string;
}

async function splitInputs(options: ResolvedBuild, store: Store | undefined, timer: PhaseTimer) {
  const { inputs, threads, signal, onProgress } = options;
  const progress = (phase: ProgressEvent["phase"]) => (done: number, total: number) =>
    onProgress?.({ phase, done, total });
  const modules = await timer.time("read", () =>
    runAll(inputs, threads, readInput, signal, progress("read")),
  );
  const how: SplitAllOptions = {
    units: splitsFunctions(options) ? "function" : "module",
    codegenOnly: options.codegenOnly,
    isSimplified: isSimplified(options),
    store: options.verify ? undefined : store,
    onDone: progress("split"),
    threads,
    signal,
  };
  return timer.time("split", () => splitAll(modules.flat(), how));
}

/** Text and bitcode are asked for by module. */
function splitsFunctions({ units, emit }: ResolvedBuild): boolean {
  return units === "function" && unitKind(emit) === "object";
}

function unitKind(emit: Emit): UnitKind {
  return emit === "asm" || emit === "bitcode" ? emit : "object";
}

/** Writes the output beside its place, then puts it there. Returns warnings. */
async function writeOutput(program: Program, timer: PhaseTimer): Promise<string[]> {
  const { output, options } = program;
  const { emit, signal } = options;
  try {
    const content = await timer.time("rename", () => bundle(program));
    throwIfAborted(signal);
    const warnings = await timer.time("link", async () => {
      if (emit !== "archive" && unitKind(emit) === "object") return linkArchive(program, content);
      await output.write(content);
      return "";
    });
    throwIfAborted(signal);
    await output.commit();
    return warnings === "" ? [] : [warnings];
  } finally {
    await output.discard();
  }
}

/**
 * All code in one piece: an archive of objects under their link names, or of
 * text or bitcode. Text or bitcode of a single module is the piece itself.
 */
async function bundle(program: Program): Promise<Uint8Array> {
  const { options, units } = program;
  const kind = unitKind(options.emit);
  if (kind !== "object" && units.length === 1) return units[0]!.code;
  const extension = { object: ".o", asm: ".s", bitcode: ".bc" }[kind];
  // lld's messages name the members.
  const names = units.map(({ name }) => name.slice(name.lastIndexOf("/") + 1) + extension);
  const contents = units.map(({ code }) => code);
  const linkNames = units.map((unit) => (kind === "object" ? unit.linkNames : noNames));
  if (options.emit === "image") {
    names.push("finegrain-image.o");
    contents.push(await imageTables(program));
    linkNames.push(noNames);
  }
  return native.writeArchive(names, contents, linkNames, options.emit === "archive");
}

async function linkArchive(program: Program, archive: Uint8Array): Promise<string> {
  const { options, output, triple } = program;
  const { emit, link: linkOptions } = options;
  try {
    return await link({
      kind: emit as LinkedOutput,
      triple,
      archive,
      output: output.temporary,
      ...linkOptions,
    });
  } catch (error) {
    throw FinegrainError.from(error);
  }
}

/** The object with the image's header and shard table. Its content is names: it is not cached. */
async function imageTables({ options, modules, triple }: Program): Promise<Uint8Array> {
  const { cpu, features } = options;
  const body = await native.imageTables(
    { triple, cpu, features },
    Buffer.concat(modules.map(({ functions }) => functions)),
    Buffer.concat(modules.map(({ slots }) => slots)),
  );
  const tables = { name: "image tables", body, linkNames: noNames };
  return emitBody(tables, emitOptions({ ...options, codegenOnly: true }, triple, "object"));
}
