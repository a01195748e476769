/** What a store's URL says behind "?": every setting is checked, and misspelt ones are told. */

import { FinegrainError } from "../errors";

/** Refresh: nothing is found in it or behind it, so that all is compiled and stored anew. */
const modes = ["read-write", "read", "write", "refresh"] as const;
export type StoreMode = (typeof modes)[number];

const durations = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const sizes = { "": 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 };

export class Settings {
  readonly #params: Map<string, string>;

  constructor(params: URLSearchParams) {
    this.#params = new Map(params);
  }

  mode(): StoreMode {
    const text = this.text("mode", "read-write");
    return (
      modes.find((mode) => mode === text) ?? invalid(`mode: ${text} is not ${modes.join(", ")}`)
    );
  }

  text(name: string, otherwise: string): string {
    const text = this.#params.get(name) ?? otherwise;
    this.#params.delete(name);
    return text;
  }

  /** In milliseconds; written 500ms, 30s, 20m, 12h or 30d. */
  duration(name: string, otherwise: string): number {
    return quantity(name, this.text(name, otherwise), durations);
  }

  /** In bytes, or a plain number; written 100000, 64k, 500m or 5g. */
  size(name: string, otherwise: string): number {
    return quantity(name, this.text(name, otherwise), sizes);
  }

  /** Throws if a setting is left that nobody asked for. */
  end(): void {
    const [unknown] = this.#params.keys();
    if (unknown !== undefined) invalid(`${unknown}: this store has no such setting`);
  }
}

function quantity(name: string, text: string, units: Record<string, number>): number {
  const [, digits, unit] = /^(\d+)([a-z]*)$/i.exec(text) ?? [];
  const factor = units[unit?.toLowerCase() ?? "none"];
  if (factor === undefined)
    return invalid(`${name}: ${text} is not a number with ${Object.keys(units).join(", ")}`);
  return Number(digits) * factor;
}

function invalid(message: string): never {
  throw new FinegrainError("INVALID_OPTION", `cache: ${message}`);
}
