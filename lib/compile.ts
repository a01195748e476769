/** One module in memory, without store or linker. */

import os from "node:os";
import { withLinkNames } from "./assemble";
import { emitBody } from "./emit";
import { FinegrainError } from "./errors";
import { readInput } from "./inputs";
import { unpackNames } from "./names";
import { type CompileOptions, type Input, resolveCompile } from "./options";
import { commonTriple, emitOptions } from "./target";
import { splitAll } from "./units";

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
  const how = { ...resolved, units: "module", isSimplified: false, threads: 1 } as const;
  const { sets } = await splitAll(modules, how);
  const [set] = sets;
  const [unit] = set!.units;
  const triple = commonTriple([set!], resolved.target);
  const code = await emitBody(
    { name: unit!.name, body: await unit!.body(), linkNames: unit!.linkNames },
    emitOptions(resolved, triple, resolved.emit),
  );
  const [named] = await withLinkNames([{ code, linkNames: unit!.linkNames }], resolved.emit);
  return named!;
}

export interface SplitUnit {
  /** The input's name; with the member's in brackets, and the function's behind it. */
  name: string;
  /** The unit's bitcode, in which every symbol has a local name. */
  body: Uint8Array;
  /** BLAKE3 of the body, in hex. */
  digest: string;
  /** What the program calls the symbols: the one with local name `fg.N` is `linkNames[N]`. */
  linkNames: string[];
}

/** The units of an input, as build() would compile them. Throws a FinegrainError. */
export async function split(
  input: Input,
  { units = "module" }: { units?: "module" | "function" } = {},
): Promise<SplitUnit[]> {
  const modules = await readInput(input);
  const threads = os.availableParallelism();
  const { sets } = await splitAll(modules, {
    units,
    codegenOnly: false,
    isSimplified: true,
    threads,
  });
  const all = sets.flatMap((set) => set.units);
  return Promise.all(
    all.map(async ({ name, body, digest, linkNames }) => {
      return { name, body: await body(), digest, linkNames: unpackNames(linkNames) };
    }),
  );
}

function inputName(input: Input): string {
  return typeof input === "string" ? input : input.name;
}
