/** Reads inputs: files or bytes, each of them one module or an archive of modules. */

import { readFile } from "node:fs/promises";
import { FinegrainError } from "./errors";
import type { InputModule } from "./native";
import { native } from "./native";
import type { Input } from "./options";

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
