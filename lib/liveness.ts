/**
 * Which units the output needs: those that the linker may not drop, and what they
 * refer to. It is found out while functions are still being simplified, since
 * what was inlined everywhere is referred to no more.
 */

export class Liveness {
  readonly #onLive: (unit: number) => void;
  /** By unit: the units that its final form needs, as soon as that is known. */
  readonly #needs = new Map<number, readonly number[]>();
  readonly #live: Set<number>;

  /** `onLive` is called once for each unit that is needed and has its final form. */
  constructor(roots: Iterable<number>, onLive: (unit: number) => void) {
    this.#onLive = onLive;
    this.#live = new Set(roots);
  }

  /** Tells the final form of a unit. */
  settle(unit: number, needs: readonly number[]): void {
    this.#needs.set(unit, needs);
    if (this.#live.has(unit)) this.#use(unit);
  }

  #use(first: number): void {
    const pending = [first];
    for (let unit = pending.pop(); unit !== undefined; unit = pending.pop()) {
      this.#onLive(unit);
      for (const needed of this.#needs.get(unit)!) {
        if (this.#live.has(needed)) continue;
        this.#live.add(needed);
        if (this.#needs.has(needed)) pending.push(needed);
      }
    }
  }
}
