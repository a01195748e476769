/** How the walk over the call graph ended for a unit: what the next build wants to know. */

import { native, type PackedNames } from "./native";
import { onlyCallLimit, type SimplifiedUnit } from "./plan";
import type { Summary } from "./summary";
import { linkNamesOf, type SymbolTable } from "./symbols";

export interface Outcome {
  /** Digest of the body from which code is generated. */
  finalDigest: string;
  /** In the names of this program. */
  linkNames: PackedNames;
  /** Key of the simplified body; empty where there is none. */
  key: Uint8Array;
  /** Of its symbols in its final form: see finalSymbolsDigest(). */
  finalSymbolsDigest: string;
  /** Of what else callers see of it: see interfaceDigest(). */
  interfaceDigest: string;
  /** Some caller was handed its simplified body. */
  isImported: boolean;
  /** The units that define what it refers to in its final form. */
  needs: readonly number[];
}

/** What the unit defines and refers to. The output depends on it, and so do its callers. */
export function finalSymbolsDigest({ names, localCount, flags }: SymbolTable): string {
  return digestOf([localCount, names, Array.from(flags)]);
}

/**
 * The body itself is seen by those who were handed it. The others know which
 * limits it was too large for, and what its code proves.
 */
export function interfaceDigest(summary: Summary, isImported: boolean, sizeLimit: number): string {
  const { digest, attributes, sizes } = summary;
  const limits = [0, sizeLimit, onlyCallLimit];
  const classes = sizes.map((size) => limits.filter((limit) => size > limit).length);
  return digestOf([isImported ? digest : "", attributes, classes]);
}

export function outcomeOf(
  { summary, symbols, key }: SimplifiedUnit & { key: Uint8Array },
  isImported: boolean,
  sizeLimit: number,
  needs: readonly number[],
): Outcome {
  return {
    finalDigest: summary.digest,
    linkNames: linkNamesOf(symbols),
    key,
    finalSymbolsDigest: finalSymbolsDigest(symbols),
    interfaceDigest: interfaceDigest(summary, isImported, sizeLimit),
    isImported,
    needs,
  };
}

/** 128 bits. */
function digestOf(value: unknown): string {
  return native.hash(JSON.stringify(value)).toString("hex", 0, 16);
}
