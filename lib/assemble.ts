/** From code to the output: link names, archive, linker. */

import { rm } from "node:fs/promises";
import type { UnitCode } from "./code";
import { emitBody } from "./emit";
import { FinegrainError } from "./errors";
import { type LinkedOutput, link, type Members } from "./link";
import { noNames } from "./names";
import { native, piece, type UnitKind } from "./native";
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
  units: Pick<UnitCode, "name">[];
  /** The units' code; objects are under their link names. */
  contents: readonly Uint8Array[];
  triple: string;
  memory: OutputMemory;
}

export function unitKind(emit: Emit): UnitKind {
  return emit === "asm" || emit === "bitcode" ? emit : "object";
}

export function isLinked({ emit }: ResolvedBuild): boolean {
  return emit !== "archive" && unitKind(emit) === "object";
}

/** The code, with the link names put into objects. */
export async function withLinkNames(
  units: readonly Pick<UnitCode, "code" | "linkNames">[],
  kind: UnitKind,
): Promise<Uint8Array[]> {
  if (kind !== "object") return units.map(({ code }) => code);
  const unnamed = units.filter(({ linkNames }) => linkNames.length > 0);
  const named = await native.renameSymbols(
    unnamed.map(({ code }) => code),
    unnamed.map(({ linkNames }) => linkNames),
  );
  let next = 0;
  return units.map(({ code, linkNames }) => (linkNames.length > 0 ? piece(named, next++) : code));
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
    const members = await timer.time("rename", () => membersOf(program));
    throwIfAborted(signal);
    const warnings = await timer.time("link", async () => {
      if (isLinked(options)) return linkMembers(program, members, dependencies);
      await output.write(await packed(members, options.emit));
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

async function membersOf(program: Program): Promise<Members> {
  const { options, units } = program;
  const extension = { object: ".o", asm: ".s", bitcode: ".bc" }[unitKind(options.emit)];
  // lld's messages name the members.
  const names = units.map(({ name }) => name.slice(name.lastIndexOf("/") + 1) + extension);
  const contents = [...program.contents];
  if (options.emit === "image") {
    names.push("finegrain-image.o");
    contents.push(await imageTables(program));
  }
  return { names, contents };
}

/** An archive. Text or bitcode of a single module is the piece itself. */
async function packed({ names, contents }: Members, emit: Emit): Promise<Uint8Array> {
  if (unitKind(emit) !== "object" && contents.length === 1) return contents[0]!;
  return native.writeArchive(names, contents, emit === "archive");
}

async function linkMembers(
  program: Program,
  objects: Members,
  dependencies: string,
): Promise<string[]> {
  const { options, output, triple } = program;
  const { emit, link: linkOptions } = options;
  try {
    const request = { kind: emit as LinkedOutput, triple, objects, output: output.temporary };
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
