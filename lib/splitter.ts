/** Splits one module: whole, in shards that run side by side, or some of its units. */

import { Batcher } from "./batch";
import { FinegrainError } from "./errors";
import { unpackNames } from "./names";
import { type InputModule, native, piece, type SplitModule } from "./native";
import { OutdatedMemory } from "./split-memory";
import { digestOf, Unit } from "./unit";

export interface SplitterOptions {
  byFunction: boolean;
  keepTypeAliasing: boolean;
  forSimplify: boolean;
  moduleId: string;
  /** Whether units are to have fingerprints. */
  fingerprints: boolean;
}

/** All of the module where nothing is said. */
interface Part {
  shard?: number;
  shardCount?: number;
  only?: Uint32Array;
  /** Fingerprints of units that need not be made. */
  known?: string;
}

export class Splitter {
  readonly #module: InputModule;
  readonly #options: SplitterOptions;
  readonly #bodies: Batcher<number, { body: Uint8Array; digest: string }>;

  constructor(module: InputModule, options: SplitterOptions) {
    this.#module = module;
    this.#options = options;
    this.#bodies = new Batcher(async (indices) => {
      // A function can be taken out of its module once.
      const only = Uint32Array.from(new Set(indices));
      const split = await this.split({ only });
      return indices.map((index) => {
        const i = split.indices.indexOf(index);
        return { body: piece(split.bodies, i), digest: digestOf(split, i) };
      });
    });
  }

  async split(part: Part): Promise<SplitModule> {
    const { bitcode, name, smallFunctions } = this.#module;
    try {
      const all = { shard: 0, shardCount: 1, known: "" };
      return await native.splitModule(bitcode, {
        ...this.#options,
        ...all,
        ...part,
        smallFunctions,
      });
    } catch (error) {
      throw FinegrainError.from(error, name);
    }
  }

  /** The module as one unit. */
  async whole(): Promise<SplitModule> {
    return new Splitter(this.#module, { ...this.#options, byFunction: false }).split({});
  }

  /** The body of the module as one unit. It must be the one with this digest. */
  static async wholeBody(module: InputModule, digest: string): Promise<Uint8Array> {
    const split = await new Splitter(module, {
      byFunction: false,
      keepTypeAliasing: true,
      forSimplify: false,
      moduleId: "",
      fingerprints: false,
    }).split({});
    if (digestOf(split, 0) !== digest) throw new OutdatedMemory();
    return piece(split.bodies, 0);
  }

  /** The body of a unit, by its index in the module's order. It must be the one with this digest. */
  async body(index: number, digest: string): Promise<Uint8Array> {
    const found = await this.#bodies.ask(index);
    if (found.digest !== digest) throw new OutdatedMemory();
    return found.body;
  }
}

/** What the split step returned, a unit each, in the order in which it made them. */
export function unitsOf(split: SplitModule, module: string, isWhole: boolean): Unit[] {
  const { ends } = split.bodies;
  const table = { ...split, sizes: ends.map((end, i) => end - (ends[i - 1] ?? 0)) };
  return unpackNames(split.labels).map((label, i) => {
    const body = piece(split.bodies, i);
    const name = isWhole ? module : `${module}:${label}`;
    return new Unit(table, i, { name, isWhole, body: () => body });
  });
}
