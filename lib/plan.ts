/**
 * What the simplify step is told of other units: bodies to inline, and what is
 * known of the rest. All of it is in the key.
 *
 * Names stay out. The symbols of a request are numbered: the unit's own by their
 * positions, then those that imported bodies bring along. Where both know a
 * symbol, it has one number. The result speaks of these numbers, so it fits every
 * unit whose request looks the same, whatever the program calls its symbols.
 */

import type { Callee } from "./callgraph";
import type { Summary } from "./summary";
import { isDefined, nameInBody, SymbolFlag, type SymbolTable } from "./symbols";

/** A unit that has been simplified: its summary, under this program's names. */
export interface SimplifiedUnit {
  summary: Summary;
  symbols: SymbolTable;
}

/** LLVM takes the only call of an internal function up to a cost of five times that. */
export const onlyCallLimit = 3000;

export interface PlannedImport {
  unit: number;
  /** By position in the imported body. */
  numbers: number[];
  /** Names in the importing body. */
  functions: string[];
  isOnlyCall: boolean;
}

export interface Plan {
  imports: PlannedImport[];
  /** Pairs: a name in the body, and attributes. */
  attributes: string[];
  /** Link names, by number. */
  names: string[];
}

/** A callee, and what its unit's summary says of it. */
interface KnownCallee extends Callee {
  size: number;
  attributes: string;
}

export function planSimplify(
  symbols: SymbolTable,
  callees: readonly Callee[],
  done: (unit: number) => SimplifiedUnit,
  sizeLimit: number,
): Plan {
  const numbering = new Numbering(symbols);
  const plan: Plan = { imports: [], attributes: [], names: numbering.names };
  const byUnit = new Map<number, { wanted: KnownCallee[]; isOnlyCall: boolean }>();
  for (const callee of callees) {
    const { unit, symbol, isOnlyCall } = callee;
    const known = lookUp(callee, symbols.names[symbol]!, done(unit));
    if (isWorthInlining(known, sizeLimit)) {
      const group = byUnit.get(unit);
      if (group) group.wanted.push(known);
      else byUnit.set(unit, { wanted: [known], isOnlyCall });
    } else {
      addAttributes(plan, symbols, known);
    }
  }
  for (const [unit, { wanted, isOnlyCall }] of byUnit) {
    const numbers = numbering.add(done(unit).symbols);
    if (numbers) {
      const functions = wanted.map(({ symbol }) => nameInBody(symbols, symbol));
      plan.imports.push({ unit, numbers, functions, isOnlyCall });
    } else {
      for (const callee of wanted) addAttributes(plan, symbols, callee);
    }
  }
  return plan;
}

function lookUp(callee: Callee, name: string, { summary, symbols }: SimplifiedUnit): KnownCallee {
  const { flags } = callee;
  let index = symbols.names.indexOf(name);
  while (index >= 0 && !isDefined(symbols.flags[index]!))
    index = symbols.names.indexOf(name, index + 1);
  // Another input, or another library, may bring the code that runs.
  const isExact = !(flags & (SymbolFlag.oneOfMany | SymbolFlag.importOnly));
  return {
    ...callee,
    size: summary.sizes[index] ?? 0,
    attributes: isExact ? (summary.attributes[index] ?? "") : "",
  };
}

function isWorthInlining({ size, isOnlyCall, flags }: KnownCallee, limit: number): boolean {
  if (size === 0) return false;
  return (
    (isOnlyCall && size <= onlyCallLimit) ||
    size <= limit ||
    (flags & SymbolFlag.alwaysInline) !== 0
  );
}

function addAttributes(plan: Plan, symbols: SymbolTable, { symbol, attributes }: KnownCallee) {
  if (attributes !== "") plan.attributes.push(nameInBody(symbols, symbol), attributes);
}

/** Gives each symbol of a request one number, and each type of accesses. */
class Numbering {
  readonly names: string[];
  /** Numbers of the local names that other units know too. */
  readonly #numbers = new Map<string, number>();
  readonly #types = new Map<string, number>();
  readonly #kept = new Set<string>();

  constructor(symbols: SymbolTable) {
    this.names = symbols.names.slice(0, symbols.localCount);
    symbols.names.forEach((name, index) => {
      if (index >= symbols.localCount) this.#kept.add(name);
      else this.#numbersFor(symbols.flags[index]!)?.set(name, index);
    });
  }

  /**
   * The numbers of a body's local names. Undefined where one body has a local
   * name for what the other calls by its link name: to LLVM these are two symbols.
   */
  add({ names, localCount, flags }: SymbolTable): number[] | undefined {
    for (let i = 0; i < names.length; i++) {
      if (!(flags[i]! & SymbolFlag.shared)) continue;
      const others = i < localCount ? this.#kept : this.#numbers;
      if (others.has(names[i]!)) return undefined;
    }
    for (const name of names.slice(localCount)) this.#kept.add(name);
    return names.slice(0, localCount).map((name, index) => {
      const numbers = this.#numbersFor(flags[index]!);
      const known = numbers?.get(name);
      if (known !== undefined) return known;
      const number = this.names.push(name) - 1;
      numbers?.set(name, number);
      return number;
    });
  }

  #numbersFor(flags: number): Map<string, number> | undefined {
    if (flags & SymbolFlag.accessType) return this.#types;
    return flags & SymbolFlag.shared ? this.#numbers : undefined;
  }
}

/** All of a plan that decides the result, in the words of the key. */
export function planText(plan: Plan, digestOf: (unit: number) => string): string {
  if (plan.imports.length === 0 && plan.attributes.length === 0) return "";
  return JSON.stringify({
    attributes: plan.attributes,
    imports: plan.imports.map(({ unit, numbers, functions, isOnlyCall }) => ({
      body: digestOf(unit),
      numbers,
      functions,
      isOnlyCall,
    })),
  });
}
