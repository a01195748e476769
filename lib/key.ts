/**
 * Keys. A key is the SHA-256 of a list of named fields in a fixed order; two
 * builds that agree in every field get one object. A field that is missing here
 * would hand somebody a wrong object, so every field has its own test.
 */

import { hash } from "node:crypto";
import type { EmitOptions, PackedNames } from "./native";
import { native } from "./native";

/** Format of keys and entries; raise it when either changes. */
export const schema = 2;

export interface KeyFields {
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
  /** What comes out; "simplified" for the step before code generation. */
  kind: string;
  body: string;
  /** Digest of the link names where the output spells them out, else empty. */
  linkNames: string;
  /** What is known of other units: bodies to inline, by digest, and attributes. */
  imports: string;
}

export interface Key {
  fields: KeyFields;
  digest: Buffer;
}

/** What a key is for, beside the options. */
export interface KeySubject {
  /** BLAKE3 of the body, in hex. */
  body: string;
  linkNames?: PackedNames;
  /** Only in keys of simplified bodies. */
  imports?: string;
}

export function keyFor({ body, linkNames, imports }: KeySubject, options: EmitOptions): Key {
  const { llvm, revision } = native.version();
  const spellsNames = imports === undefined && options.kind !== "object";
  return keyOf({
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
    kind: imports === undefined ? options.kind : "simplified",
    body,
    linkNames: spellsNames ? hash("sha256", linkNames!, "hex") : "",
    imports: imports ?? "",
  });
}

/** JSON keeps the order of the fields, and its quotes keep them apart. */
export function keyOf(fields: KeyFields): Key {
  return { fields, digest: hash("sha256", JSON.stringify(fields), "buffer") };
}
