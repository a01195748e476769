/** Reads inputs into units, each under the name by which errors speak of it. */

import { readFile } from "node:fs/promises";
import { FinegrainError } from "./errors";
import type { InputModule, Unit } from "./native";
import { native } from "./native";
import type { Input } from "./options";

export interface NamedUnit {
  name: string;
  unit: Unit;
}

/** The modules of an input: several where it is an archive. */
export async function readInput(input: Input): Promise<InputModule[]> {
  const name = typeof input === "string" ? input : input.name;
  const bytes = typeof input === "string" ? await readBytes(input) : input.bytes;
  try {
    return await native.readModules(bytes, name);
  } catch (error) {
    throw FinegrainError.from(error, name);
  }
}

async function readBytes(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (cause) {
    throw new FinegrainError("UNREADABLE_INPUT", (cause as Error).message, { input: file, cause });
  }
}

export async function splitModule(module: InputModule): Promise<NamedUnit> {
  try {
    return { name: module.name, unit: await native.moduleUnit(module.bitcode) };
  } catch (error) {
    throw FinegrainError.from(error, module.name);
  }
}

export async function emitUnit(
  { name, unit }: NamedUnit,
  options: Parameters<typeof native.emit>[1],
): Promise<Uint8Array> {
  try {
    return await native.emit(unit.body, options, unit.linkNames);
  } catch (error) {
    throw FinegrainError.from(error, name);
  }
}
