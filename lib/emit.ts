/** From bodies to code. */

import { FinegrainError } from "./errors";
import { keyFor } from "./key";
import { type EmitOptions, native, type PackedNames } from "./native";
import { CachedStep, type Caching, type Codec, type OnStepProgress } from "./step";

export interface EmitRequest {
  /** For messages. */
  name: string;
  /** BLAKE3 of the body, in hex. */
  digest: string;
  /** Bytes of the body, or about as many. */
  size: number;
  body: () => Uint8Array | Promise<Uint8Array>;
  linkNames: PackedNames;
  options: EmitOptions;
}

/** The part of an entry that holds a unit's code. */
const code: Codec<Uint8Array> = {
  parts: ["object"],
  encode: (object) => ({ object }),
  decode: ({ object }) => object,
};

export class EmitStep extends CachedStep<Uint8Array> {
  constructor(caching: Caching, onProgress: OnStepProgress) {
    super(caching, code, onProgress);
  }

  emit(request: EmitRequest): Promise<Uint8Array> {
    const { name, digest, linkNames, options } = request;
    return this.get({
      name,
      key: keyFor({ body: digest, linkNames }, options),
      // The longest jobs start first, so that none is left alone at the end.
      priority: request.size,
      run: async () => emitBody({ name, linkNames, body: await request.body() }, options),
    });
  }
}

export async function emitBody(
  { name, body, linkNames }: { name: string; body: Uint8Array; linkNames: PackedNames },
  options: EmitOptions,
): Promise<Uint8Array> {
  try {
    return await native.emit(body, options, linkNames);
  } catch (error) {
    throw FinegrainError.from(error, name);
  }
}
