/** From modules to units: what is compiled on its own, under a key of its own. */

import { FinegrainError } from "./errors";
import { unpackNames } from "./names";
import { type InputModule, native, type PackedNames, piece, type SplitModule } from "./native";
import { runAll } from "./schedule";
import type { SymbolTable } from "./symbols";

export interface Unit {
  /** For messages: the module's name, and the function's where that is the unit. */
  name: string;
  /** Bitcode in canonical form: no name, path or triple leaves a trace in it. */
  body: Uint8Array;
  /** BLAKE3 of the body, in hex. */
  digest: string;
  /** What the program calls the body's symbols, by position. */
  linkNames: PackedNames;
  /** The body's symbols without a local name. */
  keptNames: PackedNames;
  /** Flags of the local names, then of the kept ones. */
  symbols: Uint32Array;
  /** It is a module that stayed whole. */
  isWhole: boolean;
}

/** A module's units, and what the module says as a whole. */
export interface UnitSet {
  name: string;
  units: Unit[];
  triple: string;
  functions: PackedNames;
  slots: PackedNames;
  /** Why it is one unit, where functions were asked for. */
  wholeReason: string;
}

export interface UnitOptions {
  units: "module" | "function";
  /** Code generation alone has no use for type-based alias analysis. */
  codegenOnly: boolean;
  /** Functions will be simplified one by one, with what they call. */
  isSimplified: boolean;
}

/** Modules smaller than this are split by one job. */
const shardSize = 64 * 1024;

/** Splits all modules, with `threads` jobs at a time. */
export async function splitAll(
  modules: readonly InputModule[],
  options: UnitOptions,
  threads: number,
  signal?: AbortSignal,
  onDone?: (done: number, total: number) => void,
): Promise<UnitSet[]> {
  const ids = uniqueIds(modules);
  const jobs = modules.flatMap((module, index) => {
    const shardCount = shardsFor(module, options, threads);
    return Array.from({ length: shardCount }, (_, shard) => ({ index, shard, shardCount }));
  });
  const shards = modules.map((): SplitModule[] => []);
  await runAll(
    jobs,
    threads,
    async ({ index, shard, shardCount }) => {
      const part = { shard, shardCount, moduleId: ids[index]! };
      shards[index]![shard] = await splitShard(modules[index]!, options, part);
    },
    signal,
    onDone,
  );
  return runAll(
    modules,
    threads,
    (module, index) => unitSet(module, shards[index]!, options),
    signal,
  );
}

function shardsFor(module: InputModule, options: UnitOptions, threads: number): number {
  return options.units === "function" && module.bitcode.length >= shardSize ? threads : 1;
}

/** A module that is given twice must not clash with itself. */
function uniqueIds(modules: readonly InputModule[]): string[] {
  const seen = new Map<string, number>();
  return modules.map(({ id }) => {
    const count = seen.get(id) ?? 0;
    seen.set(id, count + 1);
    return count === 0 ? id : `${id}${count.toString(16).toUpperCase()}`;
  });
}

async function splitShard(
  module: InputModule,
  { units, codegenOnly, isSimplified }: UnitOptions,
  part: { moduleId: string; shard: number; shardCount: number },
): Promise<SplitModule> {
  const byFunction = units === "function";
  try {
    return await native.splitModule(module.bitcode, {
      byFunction,
      keepTypeAliasing: !(byFunction && codegenOnly),
      forSimplify: byFunction && isSimplified,
      ...part,
    });
  } catch (error) {
    throw FinegrainError.from(error, module.name);
  }
}

async function unitSet(
  module: InputModule,
  shards: SplitModule[],
  options: UnitOptions,
): Promise<UnitSet> {
  const wholeReason = shards.map((shard) => shard.wholeReason).find(Boolean) ?? "";
  const parts = wholeReason ? [await splitWhole(module, options)] : shards;
  const { triple, functions, slots } = parts[0]!;
  const isWhole = options.units === "module" || wholeReason !== "";
  const units = interleave(parts.map((part) => unitsOf(part, module.name, isWhole)));
  return { name: module.name, units, triple, functions, slots, wholeReason };
}

function splitWhole(module: InputModule, options: UnitOptions): Promise<SplitModule> {
  const part = { moduleId: "", shard: 0, shardCount: 1 };
  return splitShard(module, { ...options, units: "module" }, part);
}

function unitsOf(split: SplitModule, module: string, isWhole: boolean): Unit[] {
  const { bodies, linkNames, keptNames, digests } = split;
  const labels = unpackNames(split.labels);
  return labels.map((label, i) => ({
    name: isWhole ? module : `${module}:${label}`,
    body: piece(bodies, i),
    digest: digests.slice(64 * i, 64 * (i + 1)),
    linkNames: piece(linkNames, i),
    keptNames: piece(keptNames, i),
    symbols: words(piece(split.symbols, i)),
    isWhole,
  }));
}

/** The block that they are a piece of has nothing but words. */
function words({ buffer, byteOffset, byteLength }: Uint8Array): Uint32Array {
  return new Uint32Array(buffer, byteOffset, byteLength / 4);
}

/** Shard s of n has units s, s + n, s + 2n and so on. */
function interleave<T>(shards: T[][]): T[] {
  const longest = shards[0]?.length ?? 0;
  const rows = Array.from({ length: longest }, (_, row) =>
    shards.flatMap((shard) => (row < shard.length ? [shard[row]!] : [])),
  );
  return rows.flat();
}

/** Symbol names are bytes; as Latin-1, every byte is a character. */
export function symbolTable({ linkNames, keptNames, symbols }: Unit): SymbolTable {
  const localNames = unpackNames(linkNames, "latin1");
  const names = localNames.concat(unpackNames(keptNames, "latin1"));
  return { names, localCount: localNames.length, flags: symbols };
}
