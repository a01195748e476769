/**
 * What a program's modules were as units when it was last built. A module that is
 * the same, byte for byte, is the same unit, so it is neither parsed nor written:
 * of an image of tens of thousands, an edit costs those that it touches.
 *
 * One entry holds all of a program: to look up an entry for each module would take
 * as long as looking up their code.
 */

import { createHash } from "node:crypto";
import { blockParts, bytesOf, decodeBlock, encodeBlock, words } from "./blocks";
import { schema } from "./key";
import { type Block, type InputModule, native, piece } from "./native";
import { Splitter } from "./splitter";
import type { Parts } from "./store/store";
import type { Unit, UnitSet } from "./units";

/** `program` tells programs apart that share a store. */
export function moduleMemoryKey(program: string): Uint8Array {
  const { llvm, revision } = native.version();
  const fields = { schema, kind: "modules", llvm, revision, program };
  return createHash("sha256").update(JSON.stringify(fields)).digest();
}

const blockNames = ["functions", "slots", "linkNames", "keptNames", "symbols", "loaded"] as const;
type BlockName = (typeof blockNames)[number];
export const moduleMemoryParts = ["head", "sizes", ...blockNames.flatMap(blockParts)];

const digestLength = 64;
const symbolsDigestLength = 32;

/** Digests of all modules, one behind the other. */
interface Head {
  inputs: string;
  digests: string;
  symbolsDigests: string;
  triples: string[];
}

export function encodeModules(inputs: readonly InputModule[], sets: readonly UnitSet[]): Parts {
  const units = sets.map(({ units: [unit] }) => unit!);
  const head: Head = {
    inputs: inputs.map(({ digest }) => digest).join(""),
    digests: units.map(({ digest }) => digest).join(""),
    symbolsDigests: units.map(({ symbolsDigest }) => symbolsDigest).join(""),
    triples: sets.map(({ triple }) => triple),
  };
  const valuesOf = (name: BlockName) =>
    name === "functions" || name === "slots"
      ? sets.map((set) => set[name])
      : units.map((unit) => unit[name]);
  return Object.assign(
    {
      head: Buffer.from(JSON.stringify(head)),
      sizes: bytesOf(Uint32Array.from(units, ({ size }) => size)),
    },
    ...blockNames.map((name) => encodeBlock(name, valuesOf(name))),
  );
}

export class ModuleMemory {
  readonly #head: Head;
  readonly #sizes: Uint32Array;
  readonly #blocks: Record<BlockName, Block>;
  readonly #indices = new Map<string, number>();

  private constructor(parts: Parts) {
    this.#head = JSON.parse(Buffer.from(parts.head!).toString());
    this.#sizes = words(parts.sizes!);
    const count = this.#sizes.length;
    const { inputs, digests, symbolsDigests, triples } = this.#head;
    if (
      inputs.length !== digestLength * count ||
      digests.length !== digestLength * count ||
      symbolsDigests.length !== symbolsDigestLength * count ||
      triples.length !== count
    )
      throw new Error("parts of other modules");
    const blocks = blockNames.map((name) => [name, decodeBlock(parts, name, count)]);
    this.#blocks = Object.fromEntries(blocks);
    for (let i = 0; i < count; i++) this.#indices.set(digestAt(inputs, i), i);
  }

  /** Undefined where the parts do not fit together. */
  static open(parts: Parts): ModuleMemory | undefined {
    try {
      return new ModuleMemory(parts);
    } catch {
      return undefined;
    }
  }

  find(module: InputModule): UnitSet | undefined {
    const index = this.#indices.get(module.digest);
    return index === undefined ? undefined : new RememberedSet(module, this, index);
  }

  triple(index: number): string {
    return this.#head.triples[index]!;
  }

  digest(index: number): string {
    return digestAt(this.#head.digests, index);
  }

  symbolsDigest(index: number): string {
    const start = symbolsDigestLength * index;
    return this.#head.symbolsDigests.slice(start, start + symbolsDigestLength);
  }

  size(index: number): number {
    return this.#sizes[index]!;
  }

  cut(name: BlockName, index: number): Uint8Array {
    return piece(this.#blocks[name], index);
  }
}

// There may be tens of thousands of these two, so they hold next to nothing: what
// they tell is cut out of the memory when it is asked for.

class RememberedSet implements UnitSet {
  readonly units: [Unit];
  readonly #memory: ModuleMemory;
  readonly #index: number;

  constructor(module: InputModule, memory: ModuleMemory, index: number) {
    this.units = [new RememberedModule(module, memory, index)];
    this.#memory = memory;
    this.#index = index;
  }

  get name() {
    return this.units[0].name;
  }

  get triple() {
    return this.#memory.triple(this.#index);
  }

  get functions() {
    return this.#memory.cut("functions", this.#index);
  }

  get slots() {
    return this.#memory.cut("slots", this.#index);
  }

  get wholeReason() {
    return "";
  }
}

class RememberedModule implements Unit {
  readonly #module: InputModule;
  readonly #memory: ModuleMemory;
  readonly #index: number;

  constructor(module: InputModule, memory: ModuleMemory, index: number) {
    this.#module = module;
    this.#memory = memory;
    this.#index = index;
  }

  get name() {
    return this.#module.name;
  }

  get isWhole() {
    return true;
  }

  get digest() {
    return this.#memory.digest(this.#index);
  }

  get symbolsDigest() {
    return this.#memory.symbolsDigest(this.#index);
  }

  get size() {
    return this.#memory.size(this.#index);
  }

  get linkNames() {
    return this.#memory.cut("linkNames", this.#index);
  }

  get keptNames() {
    return this.#memory.cut("keptNames", this.#index);
  }

  get symbols() {
    return words(this.#memory.cut("symbols", this.#index));
  }

  get loaded() {
    return words(this.#memory.cut("loaded", this.#index));
  }

  /** A property, since it is handed on by itself. */
  get body() {
    return () => Splitter.wholeBody(this.#module, this.digest);
  }
}

function digestAt(digests: string, index: number): string {
  return digests.slice(digestLength * index, digestLength * (index + 1));
}
