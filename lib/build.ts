/** The pipeline on one page: inputs, units, code, link names, output. */

import { type CodeResult, codeFor } from "./code";
import { FinegrainError } from "./errors";
import { emitUnit, type NamedUnit, readInput, splitModule } from "./inputs";
import { type LinkedOutput, link } from "./link";
import { native, type UnitKind } from "./native";
import { type BuildOptions, type Emit, type ResolvedBuild, resolveBuild } from "./options";
import { OutputFile } from "./output";
import { type BuildReport, PhaseTimer, timingLines } from "./report";
import { runAll, throwIfAborted, untilAborted } from "./schedule";
import { openStore } from "./store/open";
import { commonTriple, emitOptions } from "./target";

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

  const units = await readUnits(options, timer);
  const triple = commonTriple(units, options.target);
  const code = await codeFor(
    { ...options, units, store, options: emitOptions(options, triple, unitKind(options.emit)) },
    timer,
  );
  const linkWarnings = await writeOutput(options, output, units, triple, code, timer);

  const report: BuildReport = {
    output: options.output,
    llvmVersion: native.version().llvm,
    threads: options.threads,
    units: units.length,
    cache: code.cache,
    simplify: { lookups: 0, hits: 0 },
    phases: timer.report(),
    warnings: [...code.warnings, ...linkWarnings],
  };
  if (options.timings) process.stderr.write(timingLines(report));
  return report;
}

async function readUnits(options: ResolvedBuild, timer: PhaseTimer): Promise<NamedUnit[]> {
  const { inputs, threads, signal, onProgress } = options;
  const modules = await timer.time("read", async () => {
    const read = await runAll(inputs, threads, readInput, signal);
    return read.flat();
  });
  let done = 0;
  return timer.time("split", () =>
    runAll(
      modules,
      threads,
      async (module) => {
        const unit = await splitModule(module);
        onProgress?.({ phase: "split", done: ++done, total: modules.length });
        return unit;
      },
      signal,
    ),
  );
}

function unitKind(emit: Emit): UnitKind {
  return emit === "asm" || emit === "bitcode" ? emit : "object";
}

/** Writes the output beside its place, then puts it there. Returns warnings. */
async function writeOutput(
  options: ResolvedBuild,
  output: OutputFile,
  units: NamedUnit[],
  triple: string,
  { code }: CodeResult,
  timer: PhaseTimer,
): Promise<string[]> {
  const { emit, signal } = options;
  try {
    const members =
      unitKind(emit) === "object" ? await timer.time("rename", () => rename(units, code)) : code;
    throwIfAborted(signal);
    const warnings = await timer.time("link", async () => {
      if (emit === "asm" || emit === "bitcode" || emit === "archive") {
        await output.write(await bundle(emit, units, members));
        return "";
      }
      return linkOutput(options, emit, output, units, triple, members);
    });
    throwIfAborted(signal);
    await output.commit();
    return warnings === "" ? [] : [warnings];
  } finally {
    await output.discard();
  }
}

function rename(units: NamedUnit[], objects: Uint8Array[]): Promise<Uint8Array[]> {
  return native.renameSymbols(
    objects,
    units.map(({ unit }) => unit.linkNames),
  );
}

/** One module's text or bitcode is the file itself; several go into an archive. */
async function bundle(
  emit: "asm" | "bitcode" | "archive",
  units: NamedUnit[],
  members: Uint8Array[],
): Promise<Uint8Array> {
  if (emit !== "archive" && members.length === 1) return members[0]!;
  const extension = { asm: ".s", bitcode: ".bc", archive: ".o" }[emit];
  return native.writeArchive(memberNames(units, extension), members);
}

async function linkOutput(
  options: ResolvedBuild,
  kind: LinkedOutput,
  output: OutputFile,
  units: NamedUnit[],
  triple: string,
  objects: Uint8Array[],
): Promise<string> {
  const names = memberNames(units, ".o");
  const contents = [...objects];
  if (kind === "image") {
    names.push("finegrain-image.o");
    contents.push(await imageTables(options, units, triple));
  }
  const archive = await native.writeArchive(names, contents);
  const { args } = options.link as { args: string[] };
  try {
    return await link({ kind, triple, archive, output: output.temporary, args });
  } catch (error) {
    throw FinegrainError.from(error);
  }
}

/** The object with the image's header and shard table. It changes with every edit of names. */
async function imageTables(
  options: ResolvedBuild,
  units: NamedUnit[],
  triple: string,
): Promise<Uint8Array> {
  const { cpu, features } = options;
  const body = await native.imageTables(
    { triple, cpu, features },
    Buffer.concat(units.map(({ unit }) => unit.functions)),
    Buffer.concat(units.map(({ unit }) => unit.slots)),
  );
  const tables = { body, digest: "", triple, linkNames: empty, functions: empty, slots: empty };
  const level = { ...options, codegenOnly: true };
  return emitUnit({ name: "image tables", unit: tables }, emitOptions(level, triple, "object"));
}

const empty = new Uint8Array();

/** Members go by the inputs' own names, which lld's messages repeat. */
function memberNames(units: NamedUnit[], extension: string): string[] {
  return units.map(({ name }) => `${name.split("/").at(-1)}${extension}`);
}
