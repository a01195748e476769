/**
 * The short way of a build whose inputs were built before: only the functions
 * that were edited are simplified, and the callers that see a difference. It ends
 * where it started, in the memory of the last walk. The whole walk is due where
 * the call graph has changed, or what functions refer to when they are done: then
 * others may be needed in the output.
 */

import { calleeUnits, callersByUnit } from "./clusters";
import type { CodeContext, CodeRequest, FinalUnit } from "./code";
import { Lookups } from "./lookups";
import { unpackNames } from "./names";
import { sizeClass } from "./order";
import { importLimits, type SimplifyStep } from "./simplify";
import { OutdatedMemory } from "./split-memory";
import type { Parts } from "./store/store";
import { summaryCodec } from "./summary";
import { plainUnit } from "./walk";
import {
  finalSymbolsDigest,
  interfaceDigest,
  type WalkedChange,
  type WalkMemory,
} from "./walk-memory";

/** With more of them, the whole walk, which does them in parallel, is no slower. */
const mostToDo = 16;

export class QuickWalk {
  readonly #context: CodeContext;
  readonly #memory: WalkMemory;
  readonly #step: SimplifyStep;
  readonly #summaries: Lookups;
  readonly #bodies: Lookups;
  readonly #changed: number[];
  /** Heads of clusters. */
  readonly #redone = new Set<number>();
  /** Handed to one of these, if not before. */
  readonly #imported = new Set<number>();
  #callers: number[][] | undefined;

  constructor(context: CodeContext, memory: WalkMemory, step: SimplifyStep) {
    this.#context = context;
    this.#memory = memory;
    this.#step = step;
    const { store, faults } = context;
    this.#summaries = new Lookups(store, summaryCodec.parts, faults);
    this.#bodies = new Lookups(store, ["body"], faults);
    this.#changed = context.units.flatMap(({ digest }, unit) =>
      digest === memory.digests[unit] ? [] : [unit],
    );
  }

  /** Whether the edits left the call graph as it was. */
  static fits({ units, modules }: CodeRequest, memory: WalkMemory): boolean {
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

  /** Returns undefined where the whole walk is due. */
  async run(): Promise<FinalUnit[] | undefined> {
    const memory = this.#memory;
    const heads = this.#changed.map((unit) => memory.heads[unit]!);
    const toDo = new Set(heads.filter((unit) => memory.isWalked(unit)));
    while (toDo.size > 0) {
      if (this.#redone.size + toDo.size > mostToDo) return undefined;
      // A caller has a higher rank than those it waits for.
      const [unit] = [...toDo].sort((a, b) => memory.ranks[a]! - memory.ranks[b]!);
      if (!(await this.#simplify(unit!))) return undefined;
      toDo.delete(unit!);
      if (this.#interface(unit!) === memory.interfaceDigests[unit!]) continue;
      const callers = this.#callersOf(unit!);
      if (callers.some((caller) => this.#redone.has(caller))) throw new OutdatedMemory();
      for (const caller of callers) toDo.add(caller);
    }
    const { units } = this.#context;
    const walked = units.reduce((count, _, unit) => count + (memory.isWalked(unit) ? 1 : 0), 0);
    this.#step.countKnown(walked - this.#redone.size);
    return units.flatMap((_, unit) => (memory.is("isLive", unit) ? [this.#final(unit)] : []));
  }

  get hasChanges(): boolean {
    return this.#changed.length > 0;
  }

  /** For the next build. */
  result(): Parts {
    const touched = new Set([...this.#changed, ...this.#redone, ...this.#imported]);
    const changes = [...touched].map((unit): [number, WalkedChange] => {
      const { digest } = this.#context.units[unit]!;
      if (!this.#memory.isWalked(unit)) {
        const key = this.#memory.key(unit);
        return [unit, { digest, finalDigest: digest, key, interfaceDigest: "", isImported: false }];
      }
      const { summary, key } = this.#step.done(unit);
      const seen = { interfaceDigest: this.#interface(unit), isImported: this.#isImported(unit) };
      return [unit, { digest, finalDigest: summary.digest, key, ...seen }];
    });
    return this.#memory.changed(new Map(changes));
  }

  /** Returns false where the output may need other units now, or too little is known. */
  async #simplify(unit: number): Promise<boolean> {
    const memory = this.#memory;
    const callees = this.#calleeUnits(unit);
    if (callees.some((callee) => callee >= memory.count)) return false;
    const known = await Promise.all(callees.map((callee) => this.#recall(callee)));
    if (known.includes(false)) return false;
    const { symbols, imported } = await this.#step.simplify(unit, 0);
    this.#redone.add(unit);
    for (const other of imported) if (!memory.is("isImported", other)) this.#imported.add(other);
    return finalSymbolsDigest(symbols) === memory.finalSymbolsDigests[unit];
  }

  #isImported(unit: number): boolean {
    return this.#imported.has(unit) || this.#memory.is("isImported", unit);
  }

  #interface(unit: number): string {
    const limit = importLimits[this.#context.level];
    return interfaceDigest(this.#step.done(unit).summary, this.#isImported(unit), limit);
  }

  #callersOf(unit: number): number[] {
    const memory = this.#memory;
    this.#callers ??= callersByUnit(memory.count, (head) =>
      memory.isWalked(head) ? this.#calleeUnits(head) : [],
    );
    return this.#callers[unit]!;
  }

  #calleeUnits(unit: number): number[] {
    return calleeUnits(unit, (member) => this.#memory.callees(member));
  }

  /** Learns of a callee from the store what the walk would have found. */
  async #recall(unit: number): Promise<boolean> {
    if (this.#step.isDone(unit)) return true;
    const key = this.#memory.key(unit);
    const parts = await this.#summaries.get(key);
    const result = parts && summaryCodec.decode(parts);
    if (!result) return false;
    const { summary } = result;
    const local = unpackNames(this.#memory.linkNames(unit), "latin1");
    const symbols = {
      names: local.concat(summary.kept),
      localCount: local.length,
      flags: summary.symbols,
    };
    const again = async () => {
      throw new OutdatedMemory();
    };
    this.#step.know(unit, { key, summary, symbols, body: undefined, imported: [], again });
    return true;
  }

  #final(index: number): FinalUnit {
    const memory = this.#memory;
    if (!memory.is("isSimplified", index)) return plainUnit(this.#context, index);
    const options = this.#context.options.emitSimplified;
    if (this.#redone.has(index)) {
      const { summary } = this.#step.done(index);
      const body = () => this.#step.body(index);
      return { index, digest: summary.digest, body, linkNames: memory.linkNames(index), options };
    }
    const body = async () => {
      const parts = await this.#bodies.get(memory.key(index));
      if (!parts) throw new OutdatedMemory();
      return parts.body!;
    };
    const digest = memory.finalDigests[index]!;
    return { index, digest, body, linkNames: memory.linkNames(index), options };
  }
}
