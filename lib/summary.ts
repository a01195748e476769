/** What the simplify step tells of its result. native/simplify.cc writes it. */

import * as v from "valibot";
import type { Codec } from "./step";

const summarySchema = v.object({
  /** BLAKE3 of the simplified body, in hex. */
  digest: v.string(),
  /** By position: the local name in the request, or one derived from it. */
  origins: v.array(v.string()),
  kept: v.array(v.string()),
  /** Flags of the local names, then of the kept ones. */
  symbols: v.array(v.number()),
  /** Likewise: what the code of a function proves. */
  attributes: v.array(v.string()),
  /** Likewise: instructions; 0 for what is not to be inlined elsewhere. */
  sizes: v.array(v.number()),
});
export type Summary = v.InferOutput<typeof summarySchema>;

export interface SimplifyResult {
  summary: Summary;
  summaryText: string;
  /** Undefined where the store has it. */
  body: Uint8Array | undefined;
}

export const summaryCodec: Codec<SimplifyResult> = {
  parts: ["summary"],
  encode: ({ summaryText, body }) => ({ summary: Buffer.from(summaryText), body: body! }),
  decode: ({ summary }) => {
    const summaryText = Buffer.from(summary!).toString();
    try {
      return { summary: parseSummary(summaryText), summaryText, body: undefined };
    } catch {
      return undefined;
    }
  },
};

export function parseSummary(text: string): Summary {
  return v.parse(summarySchema, JSON.parse(text));
}
