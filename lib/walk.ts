/** The whole walk over the call graph, from the units as they came in. */

import { CallGraph, definesFunction, type GraphUnit } from "./callgraph";
import type { CodeContext, FinalUnit } from "./code";
import { Liveness } from "./liveness";
import { packNames } from "./names";
import { importLimits, type SimplifyStep } from "./simplify";
import { isLocalName, type SymbolTable } from "./symbols";
import { symbolTable, type Unit } from "./unit";
import { finalSymbolsDigest, interfaceDigest, type WalkedUnit } from "./walk-memory";

export class Walk {
  readonly graph: CallGraph;
  readonly #context: CodeContext;
  readonly #graphUnits: GraphUnit[];
  readonly #live = new Set<number>();
  readonly #imported = new Set<number>();

  constructor(context: CodeContext) {
    this.#context = context;
    this.#graphUnits = context.units.map((unit, index) =>
      graphUnit(unit, context.modules[index]!, context.isSimplified),
    );
    this.graph = new CallGraph(this.#graphUnits);
  }

  symbols(unit: number): SymbolTable {
    return this.#graphUnits[unit]!.symbols;
  }

  /** Whether the unit is simplified, and not as part of another. */
  #isHead(unit: number): boolean {
    const { dropped, heads } = this.graph;
    return this.#graphUnits[unit]!.isSimplified && !dropped.has(unit) && heads[unit] === unit;
  }

  /** Calls `onFinal` for each unit that the output needs, as soon as that is sure. */
  async run(step: SimplifyStep, onFinal: (unit: FinalUnit) => void): Promise<void> {
    const liveness = new Liveness(this.#graphUnits, this.graph, (unit) => {
      this.#live.add(unit);
      onFinal(this.#final(unit, step));
    });
    const simplified: number[] = [];
    this.#graphUnits.forEach(({ isSimplified, symbols }, unit) => {
      if (!isSimplified) liveness.settle(unit, symbols);
      else if (this.#isHead(unit)) simplified.push(unit);
    });
    await step.run(simplified, this.graph, (unit, { symbols, imported }) => {
      for (const other of imported) this.#imported.add(other);
      liveness.settle(unit, symbols);
    });
  }

  /** For the next build. */
  result(step: SimplifyStep): WalkedUnit[] {
    const { units, level } = this.#context;
    const ranks = new Uint32Array(units.length);
    this.graph.order.forEach((unit, rank) => {
      ranks[unit] = rank;
    });
    return units.map(({ digest, symbolsDigest, size, isWhole, linkNames }, unit) => {
      const isImported = this.#imported.has(unit);
      const common = {
        digest,
        symbolsDigest,
        size,
        isWhole,
        module: this.#graphUnits[unit]!.module,
        isSimplified: this.#graphUnits[unit]!.isSimplified,
        isDropped: this.graph.dropped.has(unit),
        isImported,
        isLive: this.#live.has(unit),
        callees: this.graph.callees[unit]!,
        head: this.graph.heads[unit]!,
        rank: ranks[unit]!,
      };
      const unseen = { finalSymbolsDigest: "", interfaceDigest: "" };
      if (!this.#isHead(unit))
        return { ...common, finalDigest: digest, linkNames, key: noKey, ...unseen };
      const { summary, symbols, key } = step.done(unit);
      return {
        ...common,
        finalDigest: summary.digest,
        linkNames: packNames(symbols.names.slice(0, symbols.localCount)),
        key,
        finalSymbolsDigest: finalSymbolsDigest(symbols),
        interfaceDigest: interfaceDigest(summary, isImported, importLimits[level]),
      };
    });
  }

  #final(index: number, step: SimplifyStep): FinalUnit {
    if (!this.#graphUnits[index]!.isSimplified) return plainUnit(this.#context, index);
    const { summary, symbols } = step.done(index);
    return {
      index,
      digest: summary.digest,
      body: () => step.body(index),
      linkNames: packNames(symbols.names.slice(0, symbols.localCount)),
      options: this.#context.options.emitSimplified,
    };
  }
}

const noKey = new Uint8Array();

/** A unit that is not simplified. */
export function plainUnit({ units, options }: CodeContext, index: number): FinalUnit {
  const { digest, body, linkNames } = units[index]!;
  return { index, digest, body, linkNames, options: options.emit };
}

function graphUnit(unit: Unit, module: number, isWalk: boolean): GraphUnit {
  const { symbolsDigest, size, isWhole } = unit;
  const symbols = symbolTable(unit);
  // Names like those that finegrain gives were left alone, and would be taken for them.
  const isOdd = symbols.names.slice(symbols.localCount).some(isLocalName);
  const isSimplified = isWalk && !isWhole && !isOdd && definesFunction(symbols);
  return { symbols, symbolsDigest, module, size, isWhole, isSimplified };
}
