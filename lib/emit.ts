/** From bodies to code. */

import { FinegrainError } from "./errors";
import { keyFor } from "./key";
import { type EmitOptions, native, type PackedNames, piece } from "./native";
import { runAlone, type Work } from "./queue";
import {
  CachedStep,
  type Caching,
  type Codec,
  type OnStepProgress,
  type StepRequest,
} from "./step";

/** A unit whose code is wanted. */
interface Subject {
  /** For messages. */
  name: string;
  body: () => Uint8Array | Promise<Uint8Array>;
  linkNames: PackedNames;
}

export interface EmitRequest extends Subject {
  /** BLAKE3 of the body, in hex. */
  digest: string;
  /** Bytes of the body, or about as many. */
  size: number;
  options: EmitOptions;
}

/** The part of an entry that holds a unit's code. */
const code: Codec<Uint8Array> = {
  parts: ["object"],
  encode: (object) => ({ object }),
  decode: ({ object }) => object,
};

export class EmitStep extends CachedStep<Subject, Uint8Array> {
  readonly #works = new Map<EmitOptions, Work<Subject, Uint8Array>>();

  constructor(caching: Caching, onProgress: OnStepProgress) {
    super(caching, code, onProgress);
  }

  emit(request: EmitRequest): Promise<Uint8Array> {
    return this.get(this.#stepRequest(request));
  }

  emitAll(requests: readonly EmitRequest[]): Promise<Uint8Array[]> {
    return this.getAll(requests.map((request) => this.#stepRequest(request)));
  }

  #stepRequest(request: EmitRequest): StepRequest<Subject, Uint8Array> {
    const { name, digest, linkNames, options, size } = request;
    return {
      name,
      key: keyFor({ body: digest, linkNames }, options),
      // The longest jobs start first, so that none is left alone at the end.
      priority: size,
      job: { work: this.#work(options), request, size },
    };
  }

  #work(options: EmitOptions): Work<Subject, Uint8Array> {
    let work = this.#works.get(options);
    if (!work) {
      work = emitWork(options);
      this.#works.set(options, work);
    }
    return work;
  }
}

function emitWork(options: EmitOptions): Work<Subject, Uint8Array> {
  return async (subjects) => {
    const requests = await Promise.all(
      subjects.map(async ({ body, linkNames }) => ({ body: await body(), linkNames })),
    );
    const { code, errors } = await native.emit(requests, options);
    return subjects.map(({ name }, i) =>
      errors[i]
        ? { status: "rejected", reason: FinegrainError.from(errors[i], name) }
        : { status: "fulfilled", value: piece(code, i) },
    );
  };
}

/** Code for one body, without a store. */
export function emitBody(
  { name, body, linkNames }: { name: string; body: Uint8Array; linkNames: PackedNames },
  options: EmitOptions,
): Promise<Uint8Array> {
  return runAlone(emitWork(options), { name, body: () => body, linkNames });
}
