/**
 * What a program's modules were as units when it was last built. A module that is
 * the same, byte for byte, is the same unit, so it is neither parsed nor written:
 * of an image of tens of thousands, an edit costs those that it touches.
 *
 * One entry holds all of a program: to look up an entry for each module would take
 * as long as looking up their code.
 */

import { blockParts, decodeBlock, encodeBlock } from "./blocks";
import { memoryKeyOf } from "./memories";
import { type Block, type InputModule, piece } from "./native";
import { Splitter } from "./splitter";
import type { Parts } from "./store/store";
import { digestOf, Unit, type UnitTable } from "./unit";
import {
  decodeUnits,
  digestsIn,
  encodeUnits,
  tableOf,
  type UnitDigests,
  unitParts,
} from "./unit-parts";
import type { UnitSet } from "./units";

/** `program` tells programs apart that share a store. */
export function moduleMemoryKey(program: string): Uint8Array {
  return memoryKeyOf("modules", { program });
}

const exportNames = ["functions", "slots"] as const;
export const moduleMemoryParts = ["head", ...unitParts, ...exportNames.flatMap(blockParts)];

interface Head extends UnitDigests {
  /** Digests of the modules, one behind the other. */
  inputs: string;
  triples: string[];
}

export function encodeModules(inputs: readonly InputModule[], sets: readonly UnitSet[]): Parts {
  const table = tableOf(sets.map(({ units: [unit] }) => unit!));
  const head: Head = {
    ...digestsIn(table),
    inputs: inputs.map(({ digest }) => digest).join(""),
    triples: sets.map(({ triple }) => triple),
  };
  const exported = exportNames.map((name) =>
    encodeBlock(
      name,
      sets.map((set) => set[name]),
    ),
  );
  return Object.assign(
    { head: Buffer.from(JSON.stringify(head)), ...encodeUnits(table) },
    ...exported,
  );
}

export class ModuleMemory {
  readonly #table: UnitTable;
  readonly #triples: readonly string[];
  readonly #functions: Block;
  readonly #slots: Block;
  readonly #indices = new Map<string, number>();

  private constructor(parts: Parts) {
    const { inputs, triples, ...digests }: Head = JSON.parse(Buffer.from(parts.head!).toString());
    this.#table = decodeUnits(parts, digests);
    const count = this.#table.sizes.length;
    if (inputs.length !== digests.digests.length || triples.length !== count)
      throw new Error("parts of other modules");
    this.#triples = triples;
    this.#functions = decodeBlock(parts, "functions", count);
    this.#slots = decodeBlock(parts, "slots", count);
    for (let i = 0; i < count; i++) this.#indices.set(digestOf({ digests: inputs }, i), i);
  }

  /** Undefined where the parts do not fit together. */
  static open(parts: Parts): ModuleMemory | undefined {
    try {
      return new ModuleMemory(parts);
    } catch {
      return undefined;
    }
  }

  /** The module's unit, if it is known. */
  find(module: InputModule): UnitSet | undefined {
    const index = this.#indices.get(module.digest);
    if (index === undefined) return undefined;
    const { name } = module;
    const body = () => Splitter.wholeBody(module, digestOf(this.#table, index));
    return {
      name,
      units: [new Unit(this.#table, index, { name, isWhole: true, body })],
      triple: this.#triples[index]!,
      functions: piece(this.#functions, index),
      slots: piece(this.#slots, index),
      wholeReason: "",
    };
  }
}
