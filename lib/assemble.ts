/** From code to the output: link names, archive, linker. */

import { rm } from "node:fs/promises";
import type { UnitCode } from "./code";
import { emitBody } from "./emit";
import { FinegrainError } from "./errors";
import { type LinkedOutput, link } from "./link";
import { noNames } from "./names";
import { native, type UnitKind } from "./native";
import type { Emit, ResolvedBuild } from "./options";
import type { OutputFile } from "./output";
import type { Outcome, OutputMemory } from "./output-memory";
import type { PhaseTimer } from "./report";
import { throwIfAborted } from "./schedule";
import { emitOptions } from "./target";
import type { UnitSet } from "./units";

/** Everything that decides the output's bytes. */
export interface Program {
  options: ResolvedBuild;
  output: OutputFile;
  modules: UnitSet[];
  units: UnitCode[];
  triple: string;
  memory: OutputMemory;
}

export function unitKind(emit: Emit): UnitKind {
  return emit === "asm" || emit === "bitcode" ? emit : "object";
}

export function isLinked({ emit }: ResolvedBuild): boolean {
  return emit !== "archive" && unitKind(emit) === "object";
}

/** Writes the output beside its place, then puts it there. Returns warnings. */
export async function writeOutput(
  program: Program,
  outcome: Outcome,
  timer: PhaseTimer,
): Promise<string[]> {
  const { output, options, memory, triple } = program;
  const { signal } = options;
  const dependencies = `${output.temporary}.d`;
  try {
    const content = await timer.time("rename", () => bundle(program));
    throwIfAborted(signal);
    const warnings = await timer.time("link", async () => {
      if (isLinked(options)) return linkArchive(program, content, dependencies);
      await output.write(content);
      return [];
    });
    throwIfAborted(signal);
    const linked = isLinked(options) ? { triple, dependencies } : undefined;
    await timer.time("store", () =>
      memory.remember({ ...outcome, warnings }, output.temporary, linked),
    );
    await output.commit();
    return warnings;
  } finally {
    await output.discard();
    await rm(dependencies, { force: true });
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

async function linkArchive(
  program: Program,
  archive: Uint8Array,
  dependencies: string,
): Promise<string[]> {
  const { options, output, triple } = program;
  const { emit, link: linkOptions } = options;
  try {
    const request = { kind: emit as LinkedOutput, triple, archive, output: output.temporary };
    const warnings = await link({ ...request, ...linkOptions }, dependencies);
    return warnings === "" ? [] : [warnings];
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
