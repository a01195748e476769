/** A unit's symbols, as the split and simplify steps describe them. native/symbols.h has the same list. */

import { packNames } from "./names";
import type { PackedNames } from "./native";

export const SymbolFlag = {
  /** Other units know it by its link name. */
  shared: 1 << 0,
  defined: 1 << 1,
  function: 1 << 2,
  /** Of its module, and visible to the module's units only. */
  internal: 1 << 3,
  /** May go where nobody refers to it. */
  discardable: 1 << 4,
  /** Another definition may take its place. */
  interposable: 1 << 5,
  /** Several inputs may define it, all alike. */
  oneOfMany: 1 << 6,
  /** To be inlined, never to be emitted. */
  importOnly: 1 << 7,
  alwaysInline: 1 << 8,
  /** Other than by calling it. */
  referenced: 1 << 9,
  /** No symbol, but a type by which accesses are told apart. */
  accessType: 1 << 10,
  noInline: 1 << 11,
} as const;

const callShift = 16;

/** How often the unit calls the symbol. */
export function callCount(flags: number): number {
  return flags >>> callShift;
}

/** Whether the unit needs the symbol from elsewhere. */
export function isNeeded(flags: number): boolean {
  const isUsed = (flags & SymbolFlag.referenced) !== 0 || callCount(flags) > 0;
  return isUsed && !(flags & SymbolFlag.defined);
}

export function isDefined(flags: number): boolean {
  const wanted = SymbolFlag.defined | SymbolFlag.shared;
  return (flags & wanted) === wanted;
}

/** What a unit defines: flags that are not of its own uses, a blank, and the name. */
export function definitionsOf({ names, flags }: SymbolTable): string[] {
  const ofDefinition = (1 << callShift) - 1 - SymbolFlag.referenced;
  return names.flatMap((name, i) =>
    isDefined(flags[i]!) ? [`${flags[i]! & ofDefinition} ${name}`] : [],
  );
}

/** Local names come first, by position; then the kept ones. */
export interface SymbolTable {
  /** Link names, a character a byte. */
  names: readonly string[];
  localCount: number;
  flags: ArrayLike<number>;
}

/** Of the local names, by position. */
export function linkNamesOf({ names, localCount }: SymbolTable): PackedNames {
  return packNames(names.slice(0, localCount));
}

/** What the body calls the symbol. */
export function nameInBody({ names, localCount }: SymbolTable, index: number): string {
  return index < localCount ? localName(index) : names[index]!;
}

export function localName(position: number): string {
  return `fg.${position}`;
}

export function isLocalName(name: string): boolean {
  return localPosition(name) >= 0;
}

/** The position that a local name stands for; -1 where it is none. */
function localPosition(name: string): number {
  const position = name.startsWith("fg.") ? Number(name.slice(3)) : Number.NaN;
  return Number.isInteger(position) ? position : -1;
}

/** Puts link names in the place of the local names inside a symbol's name. */
export function restoreLinkNames(name: string, linkNames: readonly string[]): string {
  const position = localPosition(name);
  if (position >= 0) return linkNames[position] ?? name;
  // Code derives names: "fg.3.resume", "switch.table.fg.3".
  return name.replace(
    /(?<![A-Za-z0-9])fg\.(\d+)/g,
    (text, digits: string) => linkNames[Number(digits)] ?? text,
  );
}
