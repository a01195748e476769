import type { PutResult } from "./store";

/** Warns once a build: one that needs more than the limit would compile it all again each time. */
export class LimitWatch {
  readonly #url: string;
  readonly #limit: number;
  #used = 0;
  #hasWarned = false;

  constructor(url: string, limit: number) {
    this.#url = url;
    this.#limit = limit;
  }

  /** Bytes of entries that were found or written. */
  use(bytes: number): void {
    this.#used += bytes;
  }

  warnings(): Pick<PutResult, "warnings"> {
    if (this.#hasWarned || this.#limit === 0 || this.#used <= this.#limit) return {};
    this.#hasWarned = true;
    const text = `this build uses more than the ${this.#limit} bytes that ${this.#url} may keep`;
    return { warnings: [`${text}: raise cache_size_bytes`] };
  }

  endBuild(): void {
    this.#used = 0;
    this.#hasWarned = false;
  }
}
