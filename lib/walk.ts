/** The whole walk over the call graph, from the units as they came in. */

import { CallGraph, definesFunction, type GraphUnit, isRoot } from "./callgraph";
import type { CodeContext, FinalUnit } from "./code";
import { Liveness } from "./liveness";
import { type Outcome, outcomeOf } from "./outcome";
import { importLimits, type SimplifyStep } from "./simplify";
import { definitionsOf, isLocalName, isNeeded, linkNamesOf, type SymbolTable } from "./symbols";
import type { Unit } from "./unit";
import type { WalkedUnit } from "./walk-memory";

export class Walk {
  readonly graph: CallGraph;
  /** By unit: its place in the order. */
  readonly ranks: Uint32Array;
  readonly #context: CodeContext;
  readonly #graphUnits: GraphUnit[];
  #definitions: readonly string[][] | undefined;
  /** Of units that have their final form. */
  readonly #needs = new Map<number, number[]>();
  readonly #live = new Set<number>();
  readonly #imported = new Set<number>();

  constructor(context: CodeContext) {
    this.#context = context;
    this.#graphUnits = context.units.map((unit, index) =>
      graphUnit(unit, context.modules[index]!, context.isSimplified),
    );
    this.graph = new CallGraph(this.#graphUnits);
    this.ranks = new Uint32Array(this.count);
    this.graph.order.forEach((unit, rank) => {
      this.ranks[unit] = rank;
    });
  }

  get count(): number {
    return this.#graphUnits.length;
  }

  unit(unit: number): Unit {
    return this.#context.units[unit]!;
  }

  symbols(unit: number): SymbolTable {
    return this.#graphUnits[unit]!.symbols;
  }

  /** See definitionsOf(). */
  definitions(unit: number): readonly string[] {
    this.#definitions ??= this.#graphUnits.map(({ symbols }) => definitionsOf(symbols));
    return this.#definitions[unit]!;
  }

  /** The place of its module among the inputs. */
  module(unit: number): number {
    return this.#graphUnits[unit]!.module;
  }

  /** The units that the output needs whatever refers to them. */
  roots(): number[] {
    return this.#graphUnits.flatMap((unit, index) =>
      isRoot(unit) && !this.graph.dropped.has(index) ? [index] : [],
    );
  }

  /** The units that one with these symbols needs. */
  needs({ names, flags }: SymbolTable): number[] {
    const units = names.map((name, i) =>
      isNeeded(flags[i]!) ? this.graph.definingUnit(name) : undefined,
    );
    return [...new Set(units.filter((unit) => unit !== undefined))];
  }

  /** Whether the unit is simplified, and not as part of another. */
  isHead(unit: number): boolean {
    const { dropped, heads } = this.graph;
    return this.#graphUnits[unit]!.isSimplified && !dropped.has(unit) && heads[unit] === unit;
  }

  /** Whether it gets a final form: it is neither dropped nor part of another. */
  isFinal(unit: number): boolean {
    return !this.#graphUnits[unit]!.isSimplified || this.isHead(unit);
  }

  /** Calls `onFinal` for each unit that the output needs, as soon as that is sure. */
  async run(step: SimplifyStep, onFinal: (unit: FinalUnit) => void): Promise<void> {
    const liveness = new Liveness(this.roots(), (unit) => {
      this.#live.add(unit);
      onFinal(this.#final(unit, step));
    });
    const settle = (unit: number, symbols: SymbolTable) => {
      const needs = this.needs(symbols);
      this.#needs.set(unit, needs);
      liveness.settle(unit, needs);
    };
    const simplified: number[] = [];
    this.#graphUnits.forEach(({ isSimplified, symbols }, unit) => {
      if (!isSimplified) settle(unit, symbols);
      else if (this.isHead(unit)) simplified.push(unit);
    });
    await step.run(simplified, this.graph, (unit, { symbols, imported }) => {
      for (const other of imported) this.#imported.add(other);
      settle(unit, symbols);
    });
  }

  /** How run() ended, for the next build. */
  result(step: SimplifyStep): WalkedUnit[] {
    const limit = importLimits[this.#context.level];
    return this.resultWith(
      (unit) => outcomeOf(step.done(unit), this.#imported.has(unit), limit, this.#needs.get(unit)!),
      (unit) => this.#live.has(unit),
    );
  }

  /** Likewise, where others know of it. */
  resultWith(
    outcomeOfHead: (unit: number) => Outcome,
    isLive: (unit: number) => boolean,
  ): WalkedUnit[] {
    return this.#graphUnits.map(({ symbolsDigest, size, isWhole, module, isSimplified }, unit) => {
      const asItCameIn = this.unit(unit);
      return {
        ...(this.isHead(unit) ? outcomeOfHead(unit) : unseen(asItCameIn)),
        digest: asItCameIn.digest,
        symbolsDigest,
        size,
        isWhole,
        module,
        isSimplified,
        isDropped: this.graph.dropped.has(unit),
        isLive: isLive(unit),
        callees: this.graph.callees[unit]!,
        head: this.graph.heads[unit]!,
        rank: this.ranks[unit]!,
        defines: this.definitions(unit),
      };
    });
  }

  #final(index: number, step: SimplifyStep): FinalUnit {
    if (!this.#graphUnits[index]!.isSimplified) return plainUnit(this.#context, index);
    const { summary, symbols } = step.done(index);
    return {
      index,
      place: 0,
      digest: summary.digest,
      body: () => step.body(index),
      linkNames: linkNamesOf(symbols),
      options: this.#context.options.emitSimplified,
    };
  }
}

const noKey = new Uint8Array();

/** The outcome of a unit that is not simplified, or as part of another. */
function unseen({ digest, linkNames }: Unit): Outcome {
  return {
    finalDigest: digest,
    linkNames,
    key: noKey,
    finalSymbolsDigest: "",
    interfaceDigest: "",
    isImported: false,
    needs: [],
  };
}

/** A unit that is not simplified. */
export function plainUnit({ units, options }: CodeContext, index: number): FinalUnit {
  const { digest, body, linkNames } = units[index]!;
  return { index, place: 0, digest, body, linkNames, options: options.emit };
}

function graphUnit(unit: Unit, module: number, isWalk: boolean): GraphUnit {
  const { symbolTable: symbols, symbolsDigest, size, isWhole } = unit;
  // Names like those that finegrain gives were left alone, and would be taken for them.
  const isOdd = symbols.names.slice(symbols.localCount).some(isLocalName);
  const isSimplified = isWalk && !isWhole && !isOdd && definesFunction(symbols);
  return { symbols, symbolsDigest, module, size, isWhole, isSimplified };
}
