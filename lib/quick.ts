/**
 * The short way of a build whose inputs were built before: only the functions
 * that were edited are simplified, and the callers that see a difference. It ends
 * where it started, in the memory of the last walk. Where an edit leaves the call
 * graph as it was, that is not even made: see known-graph.ts.
 */

import { calleeUnits } from "./clusters";
import type { CodeContext, FinalUnit } from "./code";
import type { KnownGraph } from "./known-graph";
import { Lookups } from "./lookups";
import { unpackNames } from "./names";
import { finalSymbolsDigest, interfaceDigest, type Outcome, outcomeOf } from "./outcome";
import { importLimits, type SimplifyStep } from "./simplify";
import { OutdatedMemory } from "./split-memory";
import type { Parts } from "./store/store";
import { summaryCodec } from "./summary";
import { linkNamesOf } from "./symbols";
import { plainUnit } from "./walk";
import type { WalkMemory } from "./walk-memory";

/** With more of them, the whole walk, which does them in parallel, is no slower. */
const mostToDo = 16;

export class QuickWalk {
  readonly #context: CodeContext;
  readonly #memory: WalkMemory;
  readonly #graph: KnownGraph;
  readonly #step: SimplifyStep;
  readonly #summaries: Lookups;
  readonly #bodies: Lookups;
  /** Heads of clusters. */
  readonly #redone = new Set<number>();
  /** Handed to one of these, if not before. */
  readonly #imported = new Set<number>();
  #live: readonly boolean[] = [];

  constructor(context: CodeContext, memory: WalkMemory, graph: KnownGraph, step: SimplifyStep) {
    this.#context = context;
    this.#memory = memory;
    this.#graph = graph;
    this.#step = step;
    const { store, faults } = context;
    this.#summaries = new Lookups(store, summaryCodec.parts, faults);
    this.#bodies = new Lookups(store, ["body"], faults);
  }

  /** Returns undefined where the whole walk is due. */
  async run(): Promise<FinalUnit[] | undefined> {
    const graph = this.#graph;
    const heads = graph.changed.map((unit) => graph.head(unit));
    const toDo = new Set(heads.filter((unit) => graph.isWalked(unit)));
    while (toDo.size > 0) {
      if (this.#redone.size + toDo.size > mostToDo) return undefined;
      // A caller has a higher rank than those it waits for.
      const [unit] = [...toDo].sort((a, b) => graph.rank(a) - graph.rank(b));
      if (!(await this.#simplify(unit!))) return undefined;
      toDo.delete(unit!);
      if (this.#looksAsBefore(unit!)) continue;
      const callers = graph.callers(unit!);
      if (callers.some((caller) => this.#redone.has(caller))) throw new OutdatedMemory();
      for (const caller of callers) toDo.add(caller);
    }
    const redone = [...this.#redone].map((unit) => [unit, this.#step.done(unit).symbols] as const);
    const live = graph.live(new Map(redone));
    if (!live) return undefined;
    this.#live = live;
    const walked = live.reduce((count, _, unit) => count + (graph.isWalked(unit) ? 1 : 0), 0);
    this.#step.countKnown(walked - this.#redone.size);
    const changed = new Set(graph.changed);
    return live.flatMap((isLive, unit) => (isLive ? [this.#final(unit, changed)] : []));
  }

  get hasChanges(): boolean {
    return this.#graph.changed.length > 0;
  }

  /** For the next build. */
  result(): Parts {
    const touched = new Set([...this.#redone, ...this.#imported]);
    const outcomes = [...touched].map((unit): [number, Outcome] => {
      const done = this.#step.done(unit);
      const needs = this.#graph.needs(done.symbols);
      return [unit, outcomeOf(done, this.#isImported(unit), this.#sizeLimit, needs)];
    });
    return this.#graph.encode(this.#live, new Map(outcomes));
  }

  /** Returns false where too little is known. */
  async #simplify(unit: number): Promise<boolean> {
    const callees = this.#calleeUnits(unit);
    const known = await Promise.all(callees.map((callee) => this.#recall(callee)));
    if (known.includes(false)) return false;
    const { imported } = await this.#step.simplify(unit, 0);
    this.#redone.add(unit);
    for (const other of imported) if (!this.#isImported(other)) this.#imported.add(other);
    return true;
  }

  get #sizeLimit(): number {
    return importLimits[this.#context.level];
  }

  #isImported(unit: number): boolean {
    const known = this.#graph.known(unit);
    return this.#imported.has(unit) || (known >= 0 && this.#memory.is("isImported", known));
  }

  /** To those who call it. Who inlines it takes over the names in it, which are in no key. */
  #looksAsBefore(unit: number): boolean {
    const { summary, symbols } = this.#step.done(unit);
    const [memory, known] = [this.#memory, this.#graph.known(unit)];
    const isImported = this.#isImported(unit);
    const now = interfaceDigest(summary, isImported, this.#sizeLimit);
    const hasSameNames = () => finalSymbolsDigest(symbols) === memory.finalSymbolsDigests[known];
    return now === memory.interfaceDigests[known] && (!isImported || hasSameNames());
  }

  #calleeUnits(unit: number): number[] {
    return calleeUnits(unit, (member) => this.#graph.callees(member));
  }

  /** Learns of a callee from the store what the walk would have found. */
  async #recall(unit: number): Promise<boolean> {
    if (this.#step.isDone(unit)) return true;
    // A wrong memory may tell of units that there are not.
    const known = unit < this.#graph.count ? this.#graph.known(unit) : -1;
    if (known < 0) return false;
    const key = this.#memory.key(known);
    const parts = await this.#summaries.get(key);
    const result = parts && summaryCodec.decode(parts);
    if (!result) return false;
    const { summary } = result;
    const local = unpackNames(this.#memory.linkNames(known), "latin1");
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

  #final(index: number, changed: ReadonlySet<number>): FinalUnit {
    const memory = this.#memory;
    const place = changed.has(index) ? 0 : memory.places[this.#graph.known(index)]!;
    if (!this.#graph.isWalked(index)) return { ...plainUnit(this.#context, index), place };
    const options = this.#context.options.emitSimplified;
    if (this.#redone.has(index)) {
      const { summary, symbols } = this.#step.done(index);
      const body = () => this.#step.body(index);
      const linkNames = linkNamesOf(symbols);
      return { index, place: 0, digest: summary.digest, body, linkNames, options };
    }
    const known = this.#graph.known(index);
    const body = async () => {
      const parts = await this.#bodies.get(memory.key(known));
      if (!parts) throw new OutdatedMemory();
      return parts.body!;
    };
    const digest = memory.finalDigests[known]!;
    return { index, place, digest, body, linkNames: memory.linkNames(known), options };
  }
}
