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
import { isDefined, localName, nameInBody, SymbolFlag, type SymbolTable } from "./symbols";

/** A unit that has been simplified: its summary, under this program's names. */
export interface SimplifiedUnit {
  summary: Summary;
  symbols: SymbolTable;
}

/** LLVM takes the only call of an internal function up to a cost of five times that. */
export const onlyCallLimit = 3000;

/** A unit as it came in, to be simplified as part of the request. */
export interface PlannedMember {
  unit: number;
  /** By position in its body. */
  numbers: number[];
  /** Its name in the request's body. */
  function: string;
}

export interface PlannedImport {
  unit: number;
  /** By position in the imported body. */
  numbers: number[];
  /** Names in the importing body. */
  functions: string[];
  isOnlyCall: boolean;
}

export interface Plan {
  members: PlannedMember[];
  imports: PlannedImport[];
  /** Pairs: a name in the body, and attributes. */
  attributes: string[];
  /** Link names, by number. */
  names: string[];
}

/** A callee, and what its unit's summary says of it. */
interface KnownCallee extends Callee {
  /** In the body that calls it. */
  name: string;
  size: number;
  attributes: string;
}

/** What is known of the units as they came in. */
export interface PlanGraph {
  symbols: (unit: number) => SymbolTable;
  callees: (unit: number) => readonly Callee[];
}

/** Plans a cluster by its head. `done` tells of the units that it calls. */
export function planSimplify(
  head: number,
  { symbols, callees }: PlanGraph,
  done: (unit: number) => SimplifiedUnit,
  sizeLimit: number,
): Plan {
  const own = symbols(head);
  const numbering = new Numbering(own);
  const plan: Plan = { members: [], imports: [], attributes: [], names: numbering.names };
  const called = new Map<string, KnownCallee>();
  const bodies = [{ unit: head, nameOf: (symbol: number) => nameInBody(own, symbol) }];
  for (const { unit, nameOf } of bodies)
    for (const callee of callees(unit)) {
      const name = nameOf(callee.symbol);
      if (callee.isMember) {
        const member = addMember(plan, numbering, { unit: callee.unit, name, symbols });
        bodies.push(member);
      } else if (!called.has(name)) {
        const linkName = symbols(unit).names[callee.symbol]!;
        called.set(name, lookUp(callee, { name, linkName }, done(callee.unit)));
      }
    }
  planCallees(plan, [...called.values()], { numbering, done, sizeLimit });
  return plan;
}

function addMember(
  plan: Plan,
  numbering: Numbering,
  { unit, name, symbols }: { unit: number; name: string; symbols: PlanGraph["symbols"] },
) {
  const table = symbols(unit);
  const numbers = numbering.add(table)!; // clusters.ts has seen to it
  plan.members.push({ unit, numbers, function: name });
  const nameOf = (symbol: number) =>
    symbol < table.localCount ? localName(numbers[symbol]!) : table.names[symbol]!;
  return { unit, nameOf };
}

function planCallees(
  plan: Plan,
  called: readonly KnownCallee[],
  {
    numbering,
    done,
    sizeLimit,
  }: { numbering: Numbering; done: (unit: number) => SimplifiedUnit; sizeLimit: number },
) {
  const byUnit = new Map<number, KnownCallee[]>();
  for (const callee of called) {
    const group = byUnit.get(callee.unit);
    if (!isWorthInlining(callee, sizeLimit)) addAttributes(plan, callee);
    else if (group) group.push(callee);
    else byUnit.set(callee.unit, [callee]);
  }
  for (const [unit, wanted] of byUnit) {
    const numbers = numbering.add(done(unit).symbols);
    if (numbers) {
      const functions = wanted.map(({ name }) => name);
      plan.imports.push({ unit, numbers, functions, isOnlyCall: wanted[0]!.isOnlyCall });
    } else {
      for (const callee of wanted) addAttributes(plan, callee);
    }
  }
}

function lookUp(
  callee: Callee,
  { name, linkName }: { name: string; linkName: string },
  { summary, symbols }: SimplifiedUnit,
): KnownCallee {
  const { flags } = callee;
  let index = symbols.names.indexOf(linkName);
  while (index >= 0 && !isDefined(symbols.flags[index]!))
    index = symbols.names.indexOf(linkName, index + 1);
  // Another input, or another library, may bring the code that runs.
  const isExact = !(flags & (SymbolFlag.oneOfMany | SymbolFlag.importOnly));
  return {
    ...callee,
    name,
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

function addAttributes(plan: Plan, { name, attributes }: KnownCallee) {
  if (attributes !== "") plan.attributes.push(name, attributes);
}

/** Gives each symbol of a request one number, and each type of accesses. */
export class Numbering {
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
export function planText(
  { members, imports, attributes }: Plan,
  digests: { member: (unit: number) => string; imported: (unit: number) => string },
): string {
  if (members.length === 0 && imports.length === 0 && attributes.length === 0) return "";
  return JSON.stringify({
    attributes,
    members: members.map(({ unit, ...how }) => ({ body: digests.member(unit), ...how })),
    imports: imports.map(({ unit, ...how }) => ({ body: digests.imported(unit), ...how })),
  });
}
