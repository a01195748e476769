/**
 * The call graph of all units of a build: who defines what, who calls whom, and
 * the order in which functions are simplified: callees first.
 *
 * In a cycle somebody must come first. The order there depends on names alone,
 * not on where the inputs stand, so that it is the same in every build.
 */

import { callCount, isDefined, SymbolFlag, type SymbolTable } from "./symbols";

/** A unit, as far as the graph is concerned. */
export interface GraphUnit {
  symbols: SymbolTable;
  digest: string;
  /** A module that is optimised as a whole. */
  isWhole: boolean;
  /** It takes part in the walk. */
  isSimplified: boolean;
}

interface Definition {
  unit: number;
  flags: number;
  /** The calls of it in all units, as they came in. */
  calls: number;
  /** Its address is taken somewhere. */
  isReferenced: boolean;
}

/** A function that a unit calls, and whose unit is simplified before it. */
export interface Callee {
  /** Index in the calling unit's symbols. */
  symbol: number;
  unit: number;
  /** Of the definition. */
  flags: number;
  /** No other call refers to it, nor anything else. */
  isOnlyCall: boolean;
}

interface CountedCallee extends Callee {
  definition: Definition;
}

export class CallGraph {
  /** By unit. */
  readonly callees: Callee[][];
  /** By unit: the units that wait for it. */
  readonly callers: number[][];
  /** All units, callees first. */
  readonly order: number[];
  /** Units that another input's definitions make superfluous. */
  readonly superseded = new Set<number>();
  readonly #units: readonly GraphUnit[];
  readonly #definitions = new Map<string, Definition>();
  readonly #importOnly = new Map<string, Definition>();

  constructor(units: readonly GraphUnit[]) {
    this.#units = units;
    units.forEach((_, unit) => {
      this.#define(unit);
    });
    units.forEach((_, unit) => {
      if (this.#isSuperseded(unit)) this.superseded.add(unit);
    });
    const calls = units.map((_, unit) => this.#callsOf(unit));
    for (const callee of calls.flat()) callee.isOnlyCall = isOnlyCall(callee.definition);
    const ranks = rankAll(calls.map(calleeUnits), (unit) => this.#nameForOrder(unit));
    this.order = units.map((_, unit) => unit).sort((a, b) => ranks[a]! - ranks[b]!);
    this.callees = calls.map((callees, unit) =>
      callees.filter((callee) => ranks[callee.unit]! < ranks[unit]!),
    );
    this.callers = units.map(() => []);
    this.callees.forEach((callees, unit) => {
      for (const callee of calleeUnits(callees)) this.callers[callee]!.push(unit);
    });
  }

  /** The unit with the definition that the linker will choose. */
  definingUnit(name: string): number | undefined {
    return this.#definitions.get(name)?.unit;
  }

  #define(unit: number): void {
    const { symbols, isWhole } = this.#units[unit]!;
    for (let i = 0; i < symbols.names.length; i++) {
      const flags = symbols.flags[i]!;
      if (!isDefined(flags)) continue;
      // The optimiser may have no more use for it.
      if (isWhole && flags & SymbolFlag.discardable) continue;
      const name = symbols.names[i]!;
      const table = flags & SymbolFlag.importOnly ? this.#importOnly : this.#definitions;
      const other = table.get(name);
      if (other && !isStronger(flags, other.flags)) continue;
      const definition = { unit, flags, calls: 0, isReferenced: false };
      table.set(name, definition);
    }
  }

  #isSuperseded(unit: number): boolean {
    const { symbols, isWhole } = this.#units[unit]!;
    if (isWhole || !definesFunction(symbols)) return false;
    for (let i = 0; i < symbols.names.length; i++) {
      const flags = symbols.flags[i]!;
      if (!isDefined(flags)) continue;
      const chosen = this.#find(symbols.names[i]!);
      if (!(flags & (SymbolFlag.oneOfMany | SymbolFlag.importOnly)) || chosen!.unit === unit)
        return false;
    }
    return true;
  }

  #find(name: string): Definition | undefined {
    return this.#definitions.get(name) ?? this.#importOnly.get(name);
  }

  #callsOf(unit: number): CountedCallee[] {
    const { symbols, isSimplified } = this.#units[unit]!;
    const callees: CountedCallee[] = [];
    for (let i = 0; i < symbols.names.length; i++) {
      const flags = symbols.flags[i]!;
      if (!(flags & SymbolFlag.shared)) continue;
      const definition = this.#find(symbols.names[i]!);
      if (!definition) continue;
      const calls = callCount(flags);
      definition.calls += calls;
      if (flags & SymbolFlag.referenced) definition.isReferenced = true;
      const isCallee =
        isSimplified &&
        calls > 0 &&
        definition.unit !== unit &&
        this.#units[definition.unit]!.isSimplified &&
        !(definition.flags & SymbolFlag.interposable);
      const { unit: callee, flags: calleeFlags } = definition;
      if (isCallee && !this.superseded.has(unit))
        callees.push({
          symbol: i,
          unit: callee,
          flags: calleeFlags,
          isOnlyCall: false,
          definition,
        });
    }
    return callees;
  }

  /** By name, without what tells modules apart. The walk begins with what need not be inlined. */
  #nameForOrder(unit: number): string {
    const { symbols, digest } = this.#units[unit]!;
    const defined = symbols.names.findIndex((_, i) => isDefined(symbols.flags[i]!));
    const name = symbols.names[defined] ?? "";
    const mustInline = (symbols.flags[defined] ?? 0) & SymbolFlag.alwaysInline;
    return `${mustInline ? 1 : 0}${name.replace(/\.llvm\.[0-9A-F]+$/, "")}\0${digest}`;
  }
}

/** The inliner takes the only call of an internal function whatever its size. */
function isOnlyCall({ flags, calls, isReferenced }: Definition): boolean {
  return (flags & SymbolFlag.internal) !== 0 && calls === 1 && !isReferenced;
}

export function calleeUnits(callees: readonly Callee[]): number[] {
  return [...new Set(callees.map(({ unit }) => unit))];
}

export function definesFunction({ names, flags }: SymbolTable): boolean {
  const wanted = SymbolFlag.function | SymbolFlag.defined;
  return names.some((_, index) => (flags[index]! & wanted) === wanted);
}

function isStronger(flags: number, than: number): boolean {
  const weak = SymbolFlag.interposable | SymbolFlag.oneOfMany;
  return !(flags & weak) && (than & weak) !== 0;
}

/** Ranks nodes so that, cycles apart, each comes behind those that it has edges to. */
function rankAll(edges: readonly number[][], nameOf: (node: number) => string): Int32Array {
  const ranks = new Int32Array(edges.length).fill(-1);
  let next = 0;
  for (const members of stronglyConnected(edges)) {
    if (members.length === 1) {
      ranks[members[0]!] = next++;
      continue;
    }
    const names = new Map(members.map((node) => [node, nameOf(node)]));
    const compare = (a: number, b: number) => compareNames(names.get(a)!, names.get(b)!) || a - b;
    const sorted = (nodes: readonly number[]) =>
      nodes.filter((node) => names.has(node)).sort(compare);
    postOrder(
      sorted(members),
      (node) => sorted(edges[node]!),
      (node) => {
        ranks[node] = next++;
      },
    );
  }
  return ranks;
}

function compareNames(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Calls `visit` for every node that the roots reach: those it has edges to first. */
function postOrder(
  roots: readonly number[],
  edgesOf: (node: number) => number[],
  visit: (node: number) => void,
): void {
  const seen = new Set<number>();
  const stack: { node: number; edges: number[]; next: number }[] = [];
  const enter = (node: number) => {
    if (seen.has(node)) return;
    seen.add(node);
    stack.push({ node, edges: edgesOf(node), next: 0 });
  };
  for (const root of roots) {
    enter(root);
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const edge = top.edges[top.next++];
      if (edge !== undefined) {
        enter(edge);
      } else {
        visit(top.node);
        stack.pop();
      }
    }
  }
}

/** Tarjan's algorithm: the components, each behind those that it has edges to. */
function stronglyConnected(edges: readonly number[][]): number[][] {
  const index = new Int32Array(edges.length).fill(-1);
  const low = new Int32Array(edges.length);
  const isOnStack = new Uint8Array(edges.length);
  const open: number[] = [];
  const components: number[][] = [];
  const work: { node: number; next: number }[] = [];
  let count = 0;
  const enter = (node: number) => {
    index[node] = low[node] = count++;
    isOnStack[node] = 1;
    open.push(node);
    work.push({ node, next: 0 });
  };
  const close = (node: number) => {
    const members = open.splice(open.lastIndexOf(node));
    for (const member of members) isOnStack[member] = 0;
    components.push(members);
  };
  for (let root = 0; root < edges.length; root++) {
    if (index[root]! >= 0) continue;
    enter(root);
    for (let top = work.at(-1); top; top = work.at(-1)) {
      const edge = edges[top.node]![top.next++];
      if (edge === undefined) {
        if (low[top.node] === index[top.node]) close(top.node);
        work.pop();
        const parent = work.at(-1);
        if (parent) low[parent.node] = Math.min(low[parent.node]!, low[top.node]!);
      } else if (index[edge]! < 0) {
        enter(edge);
      } else if (isOnStack[edge]) {
        low[top.node] = Math.min(low[top.node]!, index[edge]!);
      }
    }
  }
  return components;
}
