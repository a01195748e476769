/** One module in memory, without store or linker. */

import { FinegrainError } from "./errors";
import { emitUnit, type NamedUnit, readInput, splitModule } from "./inputs";
import { native } from "./native";
import { type CompileOptions, type Input, resolveCompile } from "./options";
import { commonTriple, emitOptions } from "./target";

/**
 * Compiles one module and resolves to an object, assembly or bitcode, as
 * `options.emit` says. Throws a FinegrainError.
 */
export async function compile(options: CompileOptions): Promise<Uint8Array> {
  const resolved = resolveCompile(options);
  const modules = await readInput(resolved.input);
  if (modules.length !== 1)
    throw new FinegrainError("INVALID_INPUT", `compile takes one module, not ${modules.length}`, {
      input: inputName(resolved.input),
    });
  const unit = await splitModule(modules[0]!);
  const triple = commonTriple([unit], resolved.target);
  const code = await emitUnit(unit, emitOptions(resolved, triple, resolved.emit));
  if (resolved.emit !== "object") return code;
  const [object] = await native.renameSymbols([code], [unit.unit.linkNames]);
  return object!;
}

export interface SplitUnit {
  /** The input's name, with the member's in brackets where it is an archive. */
  name: string;
  /** The unit's bitcode, in which every symbol has a local name. */
  body: Uint8Array;
  /** BLAKE3 of the body, in hex. */
  digest: string;
  /** What the program calls the symbols: the one with local name `fg.N` is `linkNames[N]`. */
  linkNames: string[];
}

/** The units of an input, as build() would compile them. Throws a FinegrainError. */
export async function split(input: Input): Promise<SplitUnit[]> {
  const modules = await readInput(input);
  const units = await Promise.all(modules.map(splitModule));
  return units.map(publicUnit);
}

function publicUnit({ name, unit }: NamedUnit): SplitUnit {
  const linkNames = Buffer.from(unit.linkNames).toString().split("\0").slice(0, -1);
  return { name, body: unit.body, digest: unit.digest, linkNames };
}

function inputName(input: Input): string {
  return typeof input === "string" ? input : input.name;
}
