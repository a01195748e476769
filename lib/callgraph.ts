/** The call graph of all units of a build: who defines what, and who calls whom. */

import { calleeUnits, callersByUnit, joinClusters } from "./clusters";
import { type OrderNode, rankAll } from "./order";
import { callCount, isDefined, SymbolFlag, type SymbolTable } from "./symbols";

/** A unit, as far as the graph is concerned. */
export interface GraphUnit {
  symbols: SymbolTable;
  /** Of its symbols. */
  symbolsDigest: string;
  /** The place of its module among the inputs. */
  module: number;
  /** Bytes of the body. */
  size: number;
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
  /** It is simplified together with the caller. */
  isMember: boolean;
}

interface CountedCallee extends Callee {
  definition: Definition;
}

export class CallGraph {
  /** By unit. */
  readonly callees: Callee[][];
  /** By unit: that in which it is simplified. */
  readonly heads: Int32Array;
  /** By unit: the units that wait for it. */
  readonly callers: number[][];
  /** All units, callees first. */
  readonly order: number[];
  /** Units that nothing refers to, or that another input's definitions make superfluous. */
  readonly dropped = new Set<number>();
  readonly #units: readonly GraphUnit[];
  readonly #definitions = new Map<string, Definition>();
  readonly #importOnly = new Map<string, Definition>();

  constructor(units: readonly GraphUnit[]) {
    this.#units = units;
    units.forEach((_, unit) => {
      this.#define(unit);
    });
    const calls = this.#callsOfReached();
    for (const callee of calls.flat()) callee.isOnlyCall = isOnlyCall(callee.definition);
    this.heads = joinClusters(units, calls, ({ definition }) => isPrivate(definition));
    const ranks = rankAll(this.#orderNodes(calls));
    this.order = units.map((_, unit) => unit).sort((a, b) => ranks[a]! - ranks[b]!);
    this.callees = calls.map((callees, unit) =>
      callees.filter(
        (callee) => callee.isMember || ranks[callee.unit]! < ranks[this.heads[unit]!]!,
      ),
    );
    this.callers = callersByUnit(units.length, (unit) => this.calleeUnits(unit));
  }

  /** The units that a cluster waits for; none for a member. */
  calleeUnits(unit: number): number[] {
    return this.heads[unit] === unit ? calleeUnits(unit, (member) => this.callees[member]!) : [];
  }

  /** The unit that ends up with the definition that the linker will choose. */
  definingUnit(name: string): number | undefined {
    const definition = this.#definitions.get(name);
    return definition && this.heads[definition.unit];
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

  /** By unit: its calls, if what must stay refers to it, itself or through others. */
  #callsOfReached(): CountedCallee[][] {
    const calls: CountedCallee[][] = this.#units.map(() => []);
    const reached = new Set<number>();
    const pending: number[] = [];
    const reach = (unit: number) => {
      if (reached.has(unit)) return;
      reached.add(unit);
      pending.push(unit);
    };
    this.#units.forEach((unit, index) => {
      if (isRoot(unit) && !this.#isSuperseded(index)) reach(index);
    });
    for (let unit = pending.pop(); unit !== undefined; unit = pending.pop())
      calls[unit] = this.#callsOf(unit, reach);
    this.#units.forEach((_, unit) => {
      if (!reached.has(unit)) this.dropped.add(unit);
    });
    return calls;
  }

  #callsOf(unit: number, reach: (unit: number) => void): CountedCallee[] {
    const { symbols, isSimplified } = this.#units[unit]!;
    const callees: CountedCallee[] = [];
    for (let i = 0; i < symbols.names.length; i++) {
      const flags = symbols.flags[i]!;
      if (!(flags & SymbolFlag.shared)) continue;
      const definition = this.#find(symbols.names[i]!);
      if (!definition) continue;
      reach(definition.unit);
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
      if (isCallee)
        callees.push({
          symbol: i,
          unit: callee,
          flags: calleeFlags,
          isOnlyCall: false,
          isMember: false,
          definition,
        });
    }
    return callees;
  }

  #orderNodes(calls: readonly Callee[][]): OrderNode[] {
    const owners = new Int32Array(calls.length).fill(-1);
    calls.forEach((callees, unit) => {
      for (const callee of callees)
        if (callee.isOnlyCall && !callee.isMember) owners[callee.unit] = this.heads[unit]!;
    });
    const calleesOf = (unit: number) => calls[unit]!;
    return this.#units.map(({ symbols, symbolsDigest, size }, unit) => {
      const defined = symbols.names.findIndex((_, i) => isDefined(symbols.flags[i]!));
      // Without what tells modules apart.
      const name = (symbols.names[defined] ?? "").replace(/\.llvm\.[0-9A-F]+$/, "");
      return {
        callees: this.heads[unit] === unit ? calleeUnits(unit, calleesOf) : [],
        owner: owners[unit]!,
        name: `${name}\0${symbolsDigest}`,
        size,
        mustInline: ((symbols.flags[defined] ?? 0) & SymbolFlag.alwaysInline) !== 0,
      };
    });
  }
}

/** The inliner takes the only call of an internal function whatever its size. */
function isOnlyCall({ flags, calls, isReferenced }: Definition): boolean {
  return (flags & SymbolFlag.internal) !== 0 && calls === 1 && !isReferenced;
}

/** Whether nobody else calls it, in the program or elsewhere. */
function isPrivate({ flags, calls, isReferenced }: Definition): boolean {
  const isOptional = (flags & SymbolFlag.discardable) !== 0 && !(flags & SymbolFlag.importOnly);
  return isOptional && calls === 1 && !isReferenced;
}

/** Whether the linker may not drop it. Modules that are whole and units of data are not looked into. */
export function isRoot({ symbols, isWhole }: GraphUnit): boolean {
  if (isWhole || !definesFunction(symbols)) return true;
  const optional = SymbolFlag.discardable | SymbolFlag.importOnly;
  return symbols.names.some(
    (_, index) => isDefined(symbols.flags[index]!) && !(symbols.flags[index]! & optional),
  );
}

export function definesFunction({ names, flags }: SymbolTable): boolean {
  const wanted = SymbolFlag.function | SymbolFlag.defined;
  return names.some((_, index) => (flags[index]! & wanted) === wanted);
}

function isStronger(flags: number, than: number): boolean {
  const weak = SymbolFlag.interposable | SymbolFlag.oneOfMany;
  if (!(than & weak)) return false;
  if (!(flags & weak)) return true;
  // Of many that are alike, one that must stay.
  const areAlike = (flags & than & SymbolFlag.oneOfMany) !== 0;
  return areAlike && !(flags & SymbolFlag.discardable) && (than & SymbolFlag.discardable) !== 0;
}
