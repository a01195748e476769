/**
 * Which units the output needs: those that the linker may not drop, and what they
 * refer to. It is found out while functions are still being simplified, since
 * what was inlined everywhere is referred to no more.
 */

import { type CallGraph, type GraphUnit, isRoot } from "./callgraph";
import { isNeeded, type SymbolTable } from "./symbols";

export class Liveness {
  readonly #graph: CallGraph;
  readonly #onLive: (unit: number) => void;
  /** By unit: the symbols in its final form, as soon as that is known. */
  readonly #final: (SymbolTable | undefined)[];
  readonly #live = new Set<number>();

  /** `onLive` is called once for each unit that is needed and has its final form. */
  constructor(units: readonly GraphUnit[], graph: CallGraph, onLive: (unit: number) => void) {
    this.#graph = graph;
    this.#onLive = onLive;
    this.#final = new Array(units.length);
    units.forEach((unit, index) => {
      if (!graph.dropped.has(index) && isRoot(unit)) this.#live.add(index);
    });
  }

  /** Tells the final form of a unit. */
  settle(unit: number, symbols: SymbolTable): void {
    this.#final[unit] = symbols;
    if (this.#live.has(unit)) this.#use(unit);
  }

  #use(first: number): void {
    const pending = [first];
    for (let unit = pending.pop(); unit !== undefined; unit = pending.pop()) {
      this.#onLive(unit);
      const { names, flags } = this.#final[unit]!;
      for (let i = 0; i < names.length; i++) {
        if (!isNeeded(flags[i]!)) continue;
        const needed = this.#graph.definingUnit(names[i]!);
        if (needed === undefined || this.#live.has(needed)) continue;
        this.#live.add(needed);
        if (this.#final[needed]) pending.push(needed);
      }
    }
  }
}
