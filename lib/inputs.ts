/** Inputs: files or bytes, each of them one module or an archive of modules. */

import { readFile } from "node:fs/promises";
import { FinegrainError } from "./errors";
import type { InputModule } from "./native";
import { native } from "./native";
import type { Input } from "./options";

export interface InputFile {
  name: string;
  bytes: Uint8Array;
}

/** Bytes are copied: the caller may go on to use them, and they must be what a key was made of. */
export async function loadInput(input: Input): Promise<InputFile> {
  if (typeof input !== "string") return { name: input.name, bytes: Buffer.from(input.bytes) };
  try {
    return { name: input, bytes: await readFile(input) };
  } catch (cause) {
    throw new FinegrainError("UNREADABLE_INPUT", (cause as Error).message, { input, cause });
  }
}

/** The modules of a file: several where it is an archive. */
export async function modulesIn({ name, bytes }: InputFile): Promise<InputModule[]> {
  try {
    return await native.readModules(bytes, name);
  } catch (error) {
    throw FinegrainError.from(error, name);
  }
}

export async function readInput(input: Input): Promise<InputModule[]> {
  return modulesIn(await loadInput(input));
}
