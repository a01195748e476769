/**
 * How a build's walk over the call graph ended, for the next build of the same
 * inputs. Where an edit leaves the graph and what callers see as they were, the
 * next build needs to look at the edited functions alone: see quick.ts.
 *
 * Such a build reads few of the entries that it depends on, and a store would take
 * the others for unused. So once a day the whole walk is due.
 */

import { blockParts, bytesOf, decodeBlock, encodeBlock, words } from "./blocks";
import type { Callee } from "./callgraph";
import { memoryKeyOf } from "./memories";
import { packNames } from "./names";
import { type PackedNames, piece } from "./native";
import { placeParts, placesIn } from "./object-memory";
import type { Level } from "./options";
import { sizeClass } from "./order";
import type { Outcome } from "./outcome";
import type { Parts } from "./store/store";
import type { StepOptions } from "./target";

/** Of each unit, by index. */
export interface WalkedUnit extends Outcome {
  /** Digest of the body as it came in. */
  digest: string;
  symbolsDigest: string;
  /** What it defines as it came in: see definitionsOf(). */
  defines: readonly string[];
  isWhole: boolean;
  isSimplified: boolean;
  isDropped: boolean;
  isLive: boolean;
  callees: readonly Callee[];
  /** The place of its module among the inputs. */
  module: number;
  /** The unit in which it is simplified. */
  head: number;
  /** Bytes of the body as it came in. */
  size: number;
  /** Place in the order of the walk. */
  rank: number;
}

const flags = { isSimplified: 1, isDropped: 2, isLive: 4, isImported: 8, isWhole: 16 };

/**
 * Builds with other options, or of another program, remember for themselves. What
 * is remembered is compared with the units, so a program's name need not be unique.
 */
export function walkKey(program: string, options: StepOptions, level: Level): Uint8Array {
  return memoryKeyOf("walk", { program, level, options });
}

/** Of the object memory of such builds. */
export function objectsKey(program: string, options: StepOptions, level: Level): Uint8Array {
  return memoryKeyOf("objects", { program, level, options });
}

export const walkParts = [
  ...["head", "keys", "flags", "ranks", "heads", "modules", "sizes"],
  ...blockParts("linkNames"),
  ...blockParts("callees"),
  ...blockParts("defines"),
  ...blockParts("needs"),
  ...placeParts,
];

const keySize = 32;
const wordsPerCallee = 4;
const onlyCallBit = 1;
const memberBit = 2;

/** Digests of each unit, by name. */
type Head = Record<
  "digests" | "symbolsDigests" | "finalDigests" | "finalSymbolsDigests" | "interfaceDigests",
  readonly string[]
>;

function encodeHead(head: Head, walkedAt: number): Uint8Array {
  const joined = Object.entries(head).map(([name, digests]) => [name, digests.join(",")]);
  return Buffer.from(JSON.stringify({ ...Object.fromEntries(joined), walkedAt }));
}

/** `walkedAt` says when the last whole walk was, in milliseconds since 1970. */
export function encodeWalk(units: readonly WalkedUnit[], walkedAt: number): Parts {
  const keys = Buffer.alloc(units.length * keySize);
  units.forEach(({ key }, index) => {
    keys.set(key, index * keySize);
  });
  return {
    head: encodeHead(
      {
        digests: units.map(({ digest }) => digest),
        symbolsDigests: units.map(({ symbolsDigest }) => symbolsDigest),
        finalDigests: units.map(({ finalDigest }) => finalDigest),
        finalSymbolsDigests: units.map(({ finalSymbolsDigest }) => finalSymbolsDigest),
        interfaceDigests: units.map(({ interfaceDigest }) => interfaceDigest),
      },
      walkedAt,
    ),
    keys,
    flags: Uint8Array.from(units, encodeFlags),
    ranks: bytesOf(Uint32Array.from(units, ({ rank }) => rank)),
    heads: bytesOf(Uint32Array.from(units, ({ head }) => head)),
    modules: bytesOf(Uint32Array.from(units, ({ module }) => module)),
    sizes: Uint8Array.from(units, ({ size }) => sizeClass(size)),
    ...encodeBlock(
      "linkNames",
      units.map(({ linkNames }) => linkNames),
    ),
    ...encodeBlock(
      "callees",
      units.map(({ callees }) => encodeCallees(callees)),
    ),
    ...encodeBlock(
      "defines",
      units.map(({ defines }) => packNames(defines)),
    ),
    ...encodeBlock(
      "needs",
      units.map(({ needs }) => Uint32Array.from(needs)),
    ),
  };
}

function encodeFlags(unit: WalkedUnit): number {
  const names = Object.keys(flags) as (keyof typeof flags)[];
  return names.reduce((sum, name) => sum | (unit[name] ? flags[name] : 0), 0);
}

function bitsOf({ isOnlyCall, isMember }: Callee): number {
  return (isOnlyCall ? onlyCallBit : 0) | (isMember ? memberBit : 0);
}

function encodeCallees(callees: readonly Callee[]): Uint32Array {
  const packed = new Uint32Array(callees.length * wordsPerCallee);
  callees.forEach((callee, i) => {
    const { symbol, unit, flags } = callee;
    packed.set([symbol, unit, flags, bitsOf(callee)], i * wordsPerCallee);
  });
  return packed;
}

function decodeCallees(packed: Uint32Array): Callee[] {
  return Array.from({ length: packed.length / wordsPerCallee }, (_, i) => {
    const [symbol, unit, flags, bits] = packed.subarray(i * wordsPerCallee);
    const isOnlyCall = (bits! & onlyCallBit) !== 0;
    const isMember = (bits! & memberBit) !== 0;
    return { symbol: symbol!, unit: unit!, flags: flags!, isOnlyCall, isMember };
  });
}

/** A build's memory, opened: units are decoded as they are asked for. */
export class WalkMemory {
  readonly count: number;
  readonly digests: readonly string[];
  readonly symbolsDigests: readonly string[];
  readonly finalDigests: readonly string[];
  readonly finalSymbolsDigests: readonly string[];
  readonly interfaceDigests: readonly string[];
  readonly walkedAt: number;
  readonly ranks: Uint32Array;
  readonly heads: Uint32Array;
  readonly modules: Uint32Array;
  /** See sizeClass(). */
  readonly sizes: Uint8Array;
  /** See object-memory.ts. */
  readonly places: Uint32Array;
  readonly parts: Parts;
  readonly #linkNames;
  readonly #callees;
  readonly #defines;
  readonly #needs;

  private constructor(parts: Parts) {
    const head = JSON.parse(Buffer.from(parts.head!).toString());
    this.digests = head.digests.split(",");
    this.count = this.digests.length;
    this.symbolsDigests = head.symbolsDigests.split(",");
    this.finalDigests = head.finalDigests.split(",");
    this.finalSymbolsDigests = head.finalSymbolsDigests.split(",");
    this.interfaceDigests = head.interfaceDigests.split(",");
    this.walkedAt = head.walkedAt;
    this.ranks = words(parts.ranks!);
    this.heads = words(parts.heads!);
    this.modules = words(parts.modules!);
    this.sizes = parts.sizes!;
    this.places = placesIn(parts);
    this.parts = parts;
    this.#linkNames = decodeBlock(parts, "linkNames", this.count);
    this.#callees = decodeBlock(parts, "callees", this.count);
    this.#defines = decodeBlock(parts, "defines", this.count);
    this.#needs = decodeBlock(parts, "needs", this.count);
    const lists = [this.ranks, this.heads, this.modules, this.sizes, this.places, parts.flags!];
    const lengths = [...lists.map(({ length }) => length), parts.keys!.length / keySize];
    if (lengths.some((length) => length !== this.count)) throw new Error("parts of other builds");
  }

  /** Undefined where the parts do not fit together. */
  static open(parts: Parts): WalkMemory | undefined {
    try {
      return new WalkMemory(parts);
    } catch {
      return undefined;
    }
  }

  is(flag: keyof typeof flags, unit: number): boolean {
    return (this.parts.flags![unit]! & flags[flag]) !== 0;
  }

  key(unit: number): Uint8Array {
    return this.parts.keys!.subarray(unit * keySize, (unit + 1) * keySize);
  }

  /** Whether the unit was simplified, and not as part of another. */
  isWalked(unit: number): boolean {
    const isSimplified = this.is("isSimplified", unit) && !this.is("isDropped", unit);
    return isSimplified && this.heads[unit] === unit;
  }

  /** Of all units that were simplified. */
  keys(): Uint8Array[] {
    return Array.from({ length: this.count }, (_, unit) => unit)
      .filter((unit) => this.isWalked(unit))
      .map((unit) => this.key(unit));
  }

  linkNames(unit: number): PackedNames {
    return piece(this.#linkNames, unit);
  }

  callees(unit: number): Callee[] {
    return decodeCallees(words(piece(this.#callees, unit)));
  }

  /** Whether these are the callees, by the indices that units had `before`. */
  hasCallees(unit: number, callees: readonly Callee[], before: Int32Array): boolean {
    const known = words(piece(this.#callees, unit));
    return (
      known.length === callees.length * wordsPerCallee &&
      callees.every((callee, i) => {
        const at = i * wordsPerCallee;
        return (
          known[at] === callee.symbol &&
          known[at + 1] === before[callee.unit] &&
          known[at + 2] === callee.flags &&
          known[at + 3] === bitsOf(callee)
        );
      })
    );
  }

  /** See definitionsOf(). */
  defines(unit: number): PackedNames {
    return piece(this.#defines, unit);
  }

  needs(unit: number): Uint32Array {
    return words(piece(this.#needs, unit));
  }

  outcome(unit: number): Omit<Outcome, "needs"> {
    return {
      finalDigest: this.finalDigests[unit]!,
      linkNames: this.linkNames(unit),
      key: this.key(unit),
      finalSymbolsDigest: this.finalSymbolsDigests[unit]!,
      interfaceDigest: this.interfaceDigests[unit]!,
      isImported: this.is("isImported", unit),
    };
  }

  /** The memory with the outcomes of some units changed, and bodies as they came in. */
  changed(digests: readonly string[], outcomes: ReadonlyMap<number, Outcome>): Parts {
    const finalDigests = [...this.finalDigests];
    const interfaceDigests = [...this.interfaceDigests];
    const keys = Uint8Array.from(this.parts.keys!);
    const flagBytes = Uint8Array.from(this.parts.flags!);
    for (const [unit, outcome] of outcomes) {
      finalDigests[unit] = outcome.finalDigest;
      interfaceDigests[unit] = outcome.interfaceDigest;
      keys.set(outcome.key, unit * keySize);
      if (outcome.isImported) flagBytes[unit]! |= flags.isImported;
    }
    const { symbolsDigests, finalSymbolsDigests } = this;
    const digestsNow = { digests, finalDigests, interfaceDigests };
    const digestsBefore = { symbolsDigests, finalSymbolsDigests };
    const head = encodeHead({ ...digestsNow, ...digestsBefore }, this.walkedAt);
    return { ...this.parts, head, keys, flags: flagBytes };
  }
}
