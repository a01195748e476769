/**
 * Keys. A key is the BLAKE3 of a list of named fields in a fixed order; two
 * builds that agree in every field get one object. A field that is missing here
 * would hand somebody a wrong object, so every field has its own test.
 */

import type { EmitOptions, PackedNames } from "./native";
import { native } from "./native";

/** Format of keys and entries; raise it when either changes. */
export const schema = 3;

/** The same for all units of a build. */
interface CommonFields {
  schema: typeof schema;
  llvmVersion: string;
  /** Digest of finegrain's native sources. */
  codegenRevision: string;
  triple: string;
  cpu: string;
  features: string;
  relocationModel: string;
  codeModel: string;
  /** The pass pipeline's text; it holds the optimisation level. */
  pipeline: string;
  vectorize: boolean;
  codegenLevel: number;
  /** What comes out. */
  kind: string;
}

interface UnitFields {
  body: string;
  /** Digest of the link names where the output spells them out, else empty. */
  linkNames: string;
  /** What is known of other units: bodies to inline, by digest, and attributes. */
  imports: string;
}

export type KeyFields = CommonFields & UnitFields;

export interface Key {
  /** The fields, as JSON. */
  text: string;
  digest: Buffer;
}

/** What a key is for, beside the options. */
export interface KeySubject {
  /** BLAKE3 of the body, in hex. */
  body: string;
  linkNames?: PackedNames;
  imports?: string;
}

export function keyFor({ body, linkNames, imports = "" }: KeySubject, options: EmitOptions): Key {
  const spellsNames = options.kind === "asm" || options.kind === "bitcode";
  const names = spellsNames && linkNames ? native.hash(linkNames).toString("hex") : "";
  const fields: UnitFields = { body, linkNames: names, imports };
  return keyOf(`${commonText(options)},${JSON.stringify(fields).slice(1)}`);
}

/** JSON keeps the order of the fields, and its quotes keep them apart. */
export function keyOf(text: string): Key {
  return { text, digest: native.hash(text) };
}

const commonTexts = new WeakMap<EmitOptions, string>();

/** Thousands of units share it. Without the closing brace. */
function commonText(options: EmitOptions): string {
  let text = commonTexts.get(options);
  if (text === undefined) {
    const { llvm, revision } = native.version();
    const fields: CommonFields = {
      schema,
      llvmVersion: llvm,
      codegenRevision: revision,
      triple: options.triple,
      cpu: options.cpu,
      features: options.features,
      relocationModel: options.relocationModel,
      codeModel: options.codeModel,
      pipeline: options.pipeline,
      vectorize: options.vectorize,
      codegenLevel: options.codegenLevel,
      kind: options.kind,
    };
    text = JSON.stringify(fields).slice(0, -1);
    commonTexts.set(options, text);
  }
  return text;
}
