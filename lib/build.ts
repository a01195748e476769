/** The pipeline on one page: inputs, units, code, link names, output. */

import { codeFor } from "./code";
import { FinegrainError } from "./errors";
import { readInput } from "./inputs";
import { type LinkedOutput, link } from "./link";
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
import { BuildCache } from "./store/build-cache";
import { commonTriple, emitOptions } from "./target";
import { emitUnit, splitAll, type Unit, type UnitSet } from "./units";

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
  const modules = await splitInputs(options, timer);
  const units = modules.flatMap((module) => module.units);
  const triple = commonTriple(modules, options.target);
  const code = await codeFor(
    { ...options, units, store, options: emitOptions(options, triple, unitKind(options.emit)) },
    timer,
  );
  const program: Program = { options, output, modules, units, triple, code: code.code };
  const linkWarnings = await writeOutput(program, timer);
  const stored = await timer.time("store", () => cache.finish(code.cache));

  const report: BuildReport = {
    output: options.output,
    llvmVersion: native.version().llvm,
    threads: options.threads,
    units: units.length,
    wholeModules: modules
      .filter(({ wholeReason }) => wholeReason)
      .map(({ name, wholeReason }) => ({ name, reason: wholeReason })),
    cache: stored.cache,
    simplify: { lookups: 0, hits: 0 },
    phases: timer.report(),
    warnings: [...code.warnings, ...stored.warnings, ...linkWarnings],
  };
  if (options.timings) process.stderr.write(timingLines(report));
  return report;
}

/** Everything that decides the output's bytes. */
interface Program {
  options: ResolvedBuild;
  output: OutputFile;
  modules: UnitSet[];
  units: Unit[];
  triple: string;
  /** By unit. */
  code: Uint8Array[];
}

async function splitInputs(options: ResolvedBuild, timer: PhaseTimer): Promise<UnitSet[]> {
  const { inputs, threads, signal, onProgress } = options;
  const progress = (phase: ProgressEvent["phase"]) => (done: number, total: number) =>
    onProgress?.({ phase, done, total });
  const modules = await timer.time("read", () =>
    runAll(inputs, threads, readInput, signal, progress("read")),
  );
  // Text and bitcode are asked for by module.
  const units = unitKind(options.emit) === "object" ? options.units : "module";
  return timer.time("split", () =>
    splitAll(modules.flat(), { ...options, units }, threads, signal, progress("split")),
  );
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
  const { options, units, code } = program;
  const kind = unitKind(options.emit);
  if (kind !== "object" && code.length === 1) return code[0]!;
  const extension = { object: ".o", asm: ".s", bitcode: ".bc" }[kind];
  // lld's messages name the members.
  const names = units.map(({ name }) => name.slice(name.lastIndexOf("/") + 1) + extension);
  const contents = [...code];
  const linkNames = units.map((unit) => (kind === "object" ? unit.linkNames : noNames));
  if (options.emit === "image") {
    names.push("finegrain-image.o");
    contents.push(await imageTables(program));
    linkNames.push(noNames);
  }
  return native.writeArchive(names, contents, linkNames, options.emit === "archive");
}

const noNames = new Uint8Array();

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
  const tables = { name: "image tables", body, digest: "", linkNames: noNames };
  return emitUnit(tables, emitOptions({ ...options, codegenOnly: true }, triple, "object"));
}
