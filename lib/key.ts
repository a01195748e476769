/**
 * Keys. A key is the SHA-256 of a list of named fields in a fixed order; two
 * builds that agree in every field get one object. A field that is missing here
 * would hand somebody a wrong object, so every field has its own test.
 */

import { hash } from "node:crypto";
import type { EmitOptions, PackedNames } from "./native";
import { native } from "./native";
import type { Unit } from "./units";

export interface KeyFields {
  /** Format of keys and entries; raise it when either changes. */
  schema: 1;
  llvmVersion: string;
  /** Digest of finegrain's native sources. */
  codegenRevision: string;
  body: string;
  triple: string;
  cpu: string;
  features: string;
  relocationModel: string;
  codeModel: string;
  /** The pass pipeline's text; it holds the optimisation level. */
  pipeline: string;
  vectorize: boolean;
  codegenLevel: number;
  kind: string;
  /** Digest of the link names where the output spells them out, else empty. */
  linkNames: string;
}

export interface Key {
  fields: KeyFields;
  digest: Buffer;
}

export function unitKey(unit: Unit, options: EmitOptions): Key {
  const { llvm, revision } = native.version();
  return keyOf({
    schema: 1,
    llvmVersion: llvm,
    codegenRevision: revision,
    body: unit.digest,
    triple: options.triple,
    cpu: options.cpu,
    features: options.features,
    relocationModel: options.relocationModel,
    codeModel: options.codeModel,
    pipeline: options.pipeline,
    vectorize: options.vectorize,
    codegenLevel: options.codegenLevel,
    kind: options.kind,
    linkNames: options.kind === "object" ? "" : namesDigest(unit.linkNames),
  });
}

/** JSON keeps the order of the fields, and its quotes keep them apart. */
export function keyOf(fields: KeyFields): Key {
  return { fields, digest: hash("sha256", JSON.stringify(fields), "buffer") };
}

function namesDigest(names: PackedNames): string {
  return hash("sha256", names, "hex");
}
