/**
 * What a quick walk goes by: a call graph, and what the memory of the last walk
 * knows of its units. Either the graph is the last walk's, and is not even made;
 * or it is made, and compared with the last.
 */

import type { Callee } from "./callgraph";
import { calleeUnits, callersByUnit } from "./clusters";
import { Liveness } from "./liveness";
import { unpackNames } from "./names";
import { sizeClass } from "./order";
import { finalSymbolsDigest, type Outcome } from "./outcome";
import { OutdatedMemory } from "./split-memory";
import type { Parts } from "./store/store";
import type { SymbolTable } from "./symbols";
import type { Unit } from "./unit";
import type { Walk } from "./walk";
import { encodeWalk, type WalkMemory } from "./walk-memory";

export interface KnownGraph {
  readonly count: number;
  /** Units that are not as they were, or that have another place in the graph. */
  readonly changed: readonly number[];
  /** A unit's index in the memory; -1 where it is new. */
  known(unit: number): number;
  /** The unit in which it is simplified. */
  head(unit: number): number;
  rank(unit: number): number;
  /** Whether it is simplified, and not as part of another. */
  isWalked(unit: number): boolean;
  symbols(unit: number): SymbolTable;
  callees(unit: number): readonly Callee[];
  /** The heads of the clusters that wait for it. */
  callers(unit: number): readonly number[];
  /** The units that one with these final symbols needs, where the memory does not know. */
  needs(symbols: SymbolTable): number[];
  /**
   * By unit, whether the output needs it. `redone` has the final symbols of units
   * that were done again. Undefined where it cannot be told.
   */
  live(redone: ReadonlyMap<number, SymbolTable>): boolean[] | undefined;
  /** For the next build. `outcomes` has what the memory does not know. */
  encode(live: readonly boolean[], outcomes: ReadonlyMap<number, Outcome>): Parts;
}

/** The graph of the last walk: no unit refers to others than before. */
export class SameGraph implements KnownGraph {
  readonly changed: readonly number[];
  readonly #units: readonly Unit[];
  readonly #memory: WalkMemory;
  #callers: number[][] | undefined;

  constructor(units: readonly Unit[], memory: WalkMemory) {
    this.#units = units;
    this.#memory = memory;
    this.changed = units.flatMap(({ digest }, unit) =>
      digest === memory.digests[unit] ? [] : [unit],
    );
  }

  static fits(
    { units, modules }: { units: readonly Unit[]; modules: readonly number[] },
    memory: WalkMemory,
  ): boolean {
    return (
      memory.count === units.length &&
      units.every(
        ({ symbolsDigest, size, isWhole }, unit) =>
          symbolsDigest === memory.symbolsDigests[unit] &&
          sizeClass(size) === memory.sizes[unit] &&
          modules[unit] === memory.modules[unit] &&
          isWhole === memory.is("isWhole", unit),
      )
    );
  }

  get count(): number {
    return this.#memory.count;
  }

  known(unit: number): number {
    return unit;
  }

  head(unit: number): number {
    return this.#memory.heads[unit]!;
  }

  rank(unit: number): number {
    return this.#memory.ranks[unit]!;
  }

  isWalked(unit: number): boolean {
    return this.#memory.isWalked(unit);
  }

  symbols(unit: number): SymbolTable {
    return this.#units[unit]!.symbolTable;
  }

  callees(unit: number): Callee[] {
    return this.#memory.callees(unit);
  }

  callers(unit: number): number[] {
    this.#callers ??= callersByUnit(this.count, (head) =>
      this.isWalked(head) ? calleeUnits(head, (member) => this.callees(member)) : [],
    );
    return this.#callers[unit]!;
  }

  needs(): number[] {
    return []; // they are as they were, or live() cannot tell
  }

  live(redone: ReadonlyMap<number, SymbolTable>): boolean[] | undefined {
    for (const [unit, symbols] of redone)
      if (finalSymbolsDigest(symbols) !== this.#memory.finalSymbolsDigests[unit]) return undefined;
    return Array.from({ length: this.count }, (_, unit) => this.#memory.is("isLive", unit));
  }

  encode(_live: readonly boolean[], outcomes: ReadonlyMap<number, Outcome>): Parts {
    const digests = this.#units.map(({ digest }) => digest);
    return this.#memory.changed(digests, outcomes);
  }
}

/** A graph that differs from the last walk's in some of its units. */
export class ChangedGraph implements KnownGraph {
  readonly changed: readonly number[];
  readonly #walk: Walk;
  readonly #memory: WalkMemory;
  readonly #pairs: Pairs;

  private constructor(walk: Walk, memory: WalkMemory, pairs: Pairs) {
    this.#walk = walk;
    this.#memory = memory;
    this.#pairs = pairs;
    this.changed = Array.from({ length: walk.count }, (_, unit) => unit).filter(
      (unit) => !this.#isAsBefore(unit),
    );
  }

  /** Undefined where units cannot be told to be those of the last walk. */
  static between(walk: Walk, memory: WalkMemory): ChangedGraph | undefined {
    const pairs = pairUnits(walk, memory);
    return pairs && new ChangedGraph(walk, memory, pairs);
  }

  get count(): number {
    return this.#walk.count;
  }

  known(unit: number): number {
    return this.#pairs.before[unit]!;
  }

  head(unit: number): number {
    return this.#walk.graph.heads[unit]!;
  }

  rank(unit: number): number {
    return this.#walk.ranks[unit]!;
  }

  isWalked(unit: number): boolean {
    return this.#walk.isHead(unit);
  }

  symbols(unit: number): SymbolTable {
    return this.#walk.symbols(unit);
  }

  callees(unit: number): Callee[] {
    return this.#walk.graph.callees[unit]!;
  }

  callers(unit: number): number[] {
    return this.#walk.graph.callers[unit]!;
  }

  needs(symbols: SymbolTable): number[] {
    return this.#walk.needs(symbols);
  }

  live(redone: ReadonlyMap<number, SymbolTable>): boolean[] {
    const live: boolean[] = new Array(this.count).fill(false);
    const liveness = new Liveness(this.#walk.roots(), (unit) => {
      live[unit] = true;
    });
    for (let unit = 0; unit < this.count; unit++)
      if (this.#walk.isFinal(unit)) liveness.settle(unit, this.#neededBy(unit, redone));
    return live;
  }

  encode(live: readonly boolean[], outcomes: ReadonlyMap<number, Outcome>): Parts {
    const memory = this.#memory;
    const outcomeOf = (unit: number): Outcome => {
      const known = this.known(unit);
      return outcomes.get(unit) ?? { ...memory.outcome(known), needs: this.#neededNow(known) };
    };
    return encodeWalk(
      this.#walk.resultWith(outcomeOf, (unit) => live[unit]!),
      memory.walkedAt,
    );
  }

  #neededBy(unit: number, redone: ReadonlyMap<number, SymbolTable>): number[] {
    if (!this.isWalked(unit)) return this.#walk.needs(this.symbols(unit));
    const symbols = redone.get(unit);
    return symbols ? this.#walk.needs(symbols) : this.#neededNow(this.known(unit));
  }

  #neededNow(known: number): number[] {
    return Array.from(this.#memory.needs(known), (needed) => {
      const unit = this.#pairs.now[needed];
      if (unit === undefined || unit < 0) throw new OutdatedMemory();
      return this.head(unit);
    });
  }

  #isAsBefore(unit: number): boolean {
    const memory = this.#memory;
    const known = this.known(unit);
    if (known < 0) return false;
    const { digest, symbolsDigest, isWhole } = this.#walk.unit(unit);
    return (
      digest === memory.digests[known] &&
      symbolsDigest === memory.symbolsDigests[known] &&
      isWhole === memory.is("isWhole", known) &&
      this.isWalked(unit) === memory.isWalked(known) &&
      this.head(unit) === this.#pairs.now[memory.heads[known]!] &&
      memory.hasCallees(known, this.callees(unit), this.#pairs.before) &&
      this.#refersToTheSame(unit, known)
    );
  }

  /** As it came in, and with what was inlined. */
  #refersToTheSame(unit: number, known: number): boolean {
    const { others, now } = this.#pairs;
    if (others.size === 0) return true;
    const finalNames = unpackNames(this.#memory.linkNames(known), "latin1");
    return (
      !this.symbols(unit).names.some((name) => others.has(name)) &&
      !finalNames.some((name) => others.has(name)) &&
      this.#memory.needs(known).every((needed) => now[needed]! >= 0)
    );
  }
}

interface Pairs {
  /** By unit: its index in the memory; -1 where it has none. */
  before: Int32Array;
  /** The other way round. */
  now: Int32Array;
  /** Names that are not defined as before. */
  others: ReadonlySet<string>;
}

/**
 * Pairs units by the names that they define in their module. Undefined where that
 * is ambiguous, or a name is not defined as before that no memory tells of, since
 * it has no local name.
 */
function pairUnits(walk: Walk, memory: WalkMemory): Pairs | undefined {
  const definers = definersOf(walk);
  const before = new Int32Array(walk.count).fill(-1);
  const now = new Int32Array(memory.count).fill(-1);
  const others = new Set<string>();
  for (let known = 0; known < memory.count; known++)
    for (const definition of unpackNames(memory.defines(known), "latin1")) {
      const name = nameOf(definition);
      const key = `${memory.modules[known]} ${definition}`;
      const unit = definers.get(key);
      definers.delete(key);
      if (unit === undefined) others.add(name);
      else if (now[known] === -1 && before[unit] === -1) [now[known], before[unit]] = [unit, known];
      else if (now[known] !== unit) return undefined;
    }
  for (const key of definers.keys()) others.add(nameOf(key.slice(key.indexOf(" ") + 1)));
  return areAllLocal(walk, others) ? { before, now, others } : undefined;
}

function areAllLocal(walk: Walk, wanted: ReadonlySet<string>): boolean {
  if (wanted.size === 0) return true;
  for (let unit = 0; unit < walk.count; unit++) {
    const { names, localCount } = walk.symbols(unit);
    for (let i = localCount; i < names.length; i++) if (wanted.has(names[i]!)) return false;
  }
  return true;
}

function definersOf(walk: Walk): Map<string, number> {
  const definers = new Map<string, number>();
  for (let unit = 0; unit < walk.count; unit++)
    for (const definition of walk.definitions(unit))
      definers.set(`${walk.module(unit)} ${definition}`, unit);
  return definers;
}

function nameOf(definition: string): string {
  return definition.slice(definition.indexOf(" ") + 1);
}
