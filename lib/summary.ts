/** What the simplify step tells of its result. native/simplify.cc writes it. */

import type { Codec } from "./step";

export interface Summary {
  /** BLAKE3 of the simplified body, in hex. */
  digest: string;
  /** By position: the local name in the request, or one derived from it. */
  origins: string[];
  kept: string[];
  /** Flags of the local names, then of the kept ones. */
  symbols: number[];
  /** Likewise: what the code of a function proves. */
  attributes: string[];
  /** Likewise: instructions; 0 for what is not to be inlined elsewhere. */
  sizes: number[];
}

export interface SimplifyResult {
  summary: Summary;
  summaryText: Uint8Array;
  /** Undefined where the store has it. */
  body: Uint8Array | undefined;
}

export const summaryCodec: Codec<SimplifyResult> = {
  parts: ["summary"],
  encode: ({ summaryText, body }) => ({ summary: summaryText, body: body! }),
  decode: ({ summary }) => {
    const summaryText = summary!;
    try {
      const parsed = parseSummary(summaryText);
      return isSummary(parsed) ? { summary: parsed, summaryText, body: undefined } : undefined;
    } catch {
      return undefined;
    }
  },
};

export function parseSummary({ buffer, byteOffset, byteLength }: Uint8Array) {
  return JSON.parse(Buffer.from(buffer, byteOffset, byteLength).toString());
}

/** Thousands are read in a warm build: the form is looked at, not every item. */
function isSummary(value: Partial<Summary> | null): value is Summary {
  if (typeof value?.digest !== "string") return false;
  const { origins, kept, symbols, attributes, sizes } = value;
  const lists = [origins, kept, symbols, attributes, sizes];
  const count = (origins?.length ?? 0) + (kept?.length ?? 0);
  return (
    lists.every(Array.isArray) &&
    [symbols, attributes, sizes].every((list) => list!.length === count)
  );
}
