/**
 * Functions that are simplified together: one, and the small ones that nobody else
 * calls, with those that only these call. LLVM inlines nearly all of them. As
 * steps of their own they would cost more to write, look up and read again than to
 * simplify, and there are many: of the functions in a C++ file, up to two thirds.
 *
 * An edit of a member means all of its cluster, so members are small.
 */

import type { Callee, GraphUnit } from "./callgraph";
import { sizeClass } from "./order";
import { Numbering } from "./plan";
import { isDefined, SymbolFlag } from "./symbols";

/**
 * Members are smaller than 2 ** these. One that other inputs may define too is the
 * smaller one: elsewhere it may have other callers, and be a step that is shared.
 */
const memberSizeClass = { ofMany: 11, own: 13 };

/**
 * By unit: the head of its cluster. Marks the callees that are members. Whether
 * one is called by nobody else, and may go then, `isPrivate` tells.
 */
export function joinClusters<C extends Callee>(
  units: readonly GraphUnit[],
  calls: readonly (readonly C[])[],
  isPrivate: (callee: C) => boolean,
): Int32Array {
  const heads = Int32Array.from(units, (_, unit) => unit);
  const canJoin = (caller: GraphUnit, callee: C) => {
    const unit = units[callee.unit]!;
    const isInlinable = isPrivate(callee) && !(callee.flags & SymbolFlag.noInline);
    return isInlinable && unit.module === caller.module && isSmallFunction(unit);
  };
  const candidates = calls.map((callees, unit) =>
    isImportOnly(units[unit]!) ? [] : callees.filter((callee) => canJoin(units[unit]!, callee)),
  );
  const joining = new Set(candidates.flat().map(({ unit }) => unit));
  const pending = units.map((_, unit) => unit).filter((unit) => !joining.has(unit));
  for (const head of pending) {
    if (candidates[head]!.length === 0) continue;
    const numbering = new Numbering(units[head]!.symbols);
    const members = [head];
    for (const member of members)
      for (const callee of candidates[member]!) {
        if (numbering.add(units[callee.unit]!.symbols)) {
          callee.isMember = true;
          heads[callee.unit] = head;
          members.push(callee.unit);
        } else {
          pending.push(callee.unit);
        }
      }
  }
  return heads;
}

/** Flags of what the unit defines. */
function definitions({ symbols }: GraphUnit): number[] {
  return Array.from(symbols.flags).filter(isDefined);
}

/** It is never emitted, so no member could stay in it. */
function isImportOnly(unit: GraphUnit): boolean {
  return definitions(unit).some((flags) => (flags & SymbolFlag.importOnly) !== 0);
}

function isSmallFunction(unit: GraphUnit): boolean {
  const [first, ...others] = definitions(unit);
  const { ofMany, own } = memberSizeClass;
  return (
    others.length === 0 && sizeClass(unit.size) < (first! & SymbolFlag.oneOfMany ? ofMany : own)
  );
}

/** The units that a cluster waits for. */
export function calleeUnits(
  head: number,
  calleesOf: (unit: number) => readonly Callee[],
): number[] {
  const cluster = new Set([head]);
  const others = new Set<number>();
  for (const unit of cluster)
    for (const callee of calleesOf(unit)) (callee.isMember ? cluster : others).add(callee.unit);
  others.delete(head);
  return [...others];
}

/** By unit: the heads of the clusters that wait for it. A wrong memory may tell of units that there are not. */
export function callersByUnit(
  count: number,
  calleeUnitsOf: (unit: number) => readonly number[],
): number[][] {
  const callers = Array.from({ length: count }, (): number[] => []);
  for (let unit = 0; unit < count; unit++)
    for (const callee of calleeUnitsOf(unit)) callers[callee]?.push(unit);
  return callers;
}
