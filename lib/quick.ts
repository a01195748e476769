/**
 * The short way of a build whose inputs were built before: only the functions
 * that were edited are simplified. It ends where it started, in the memory of the
 * last walk, unless callers see the edit, or the call graph has changed. Then the
 * whole walk is due.
 */

import { calleeUnits } from "./clusters";
import type { CodeContext, CodeRequest, FinalUnit } from "./code";
import { Lookups } from "./lookups";
import { unpackNames } from "./names";
import { sizeClass } from "./order";
import { importLimits, type SimplifyStep } from "./simplify";
import { OutdatedMemory } from "./split-memory";
import type { Parts } from "./store/store";
import { summaryCodec } from "./summary";
import { plainUnit } from "./walk";
import { interfaceDigest, type WalkedChange, type WalkMemory } from "./walk-memory";

/** With more of them, the whole walk, which does them in parallel, is no slower. */
const maxEdits = 16;

export class QuickWalk {
  readonly #context: CodeContext;
  readonly #memory: WalkMemory;
  readonly #step: SimplifyStep;
  readonly #summaries: Lookups;
  readonly #bodies: Lookups;
  readonly #changed: number[];
  /** The heads of the clusters that these are in, callees first. */
  readonly #edited: number[];

  constructor(context: CodeContext, memory: WalkMemory, step: SimplifyStep) {
    this.#context = context;
    this.#memory = memory;
    this.#step = step;
    const { store, faults } = context;
    this.#summaries = new Lookups(store, summaryCodec.parts, faults);
    this.#bodies = new Lookups(store, ["body"], faults);
    this.#changed = context.units.flatMap(({ digest }, unit) =>
      digest === memory.digests[unit] ? [] : [unit],
    );
    const heads = new Set(this.#changed.map((unit) => memory.heads[unit]!));
    this.#edited = [...heads]
      .filter((unit) => memory.isWalked(unit))
      .sort((a, b) => memory.ranks[a]! - memory.ranks[b]!);
  }

  /** Whether the edits left the call graph as it was. */
  static fits({ units, modules }: CodeRequest, memory: WalkMemory): boolean {
    return (
      memory.count === units.length &&
      units.every(
        ({ symbolsDigest, size, isWhole }, unit) =>
          symbolsDigest === memory.symbolsDigests[unit] &&
          sizeClass(size) === memory.sizes[unit] &&
          modules[unit] === memory.modules[unit] &&
          isWhole === memory.is("isWhole", unit),
      )
    );
  }

  /** Returns undefined where the whole walk is due. */
  async run(): Promise<FinalUnit[] | undefined> {
    if (this.#edited.length > maxEdits) return undefined;
    for (const unit of this.#edited) if (!(await this.#simplify(unit))) return undefined;
    const { units } = this.#context;
    const memory = this.#memory;
    const walked = units.reduce((count, _, unit) => count + (memory.isWalked(unit) ? 1 : 0), 0);
    this.#step.countKnown(walked - this.#edited.length);
    return units.flatMap((_, unit) => (memory.is("isLive", unit) ? [this.#final(unit)] : []));
  }

  get hasChanges(): boolean {
    return this.#changed.length > 0;
  }

  /** For the next build. */
  result(): Parts {
    const changes = [...this.#changed, ...this.#edited].map((unit): [number, WalkedChange] => {
      const { digest } = this.#context.units[unit]!;
      if (!this.#memory.isWalked(unit))
        return [unit, { digest, finalDigest: digest, key: this.#memory.key(unit) }];
      const { summary, key } = this.#step.done(unit);
      return [unit, { digest, finalDigest: summary.digest, key }];
    });
    return this.#memory.changed(new Map(changes));
  }

  /** Returns whether callers see no difference. */
  async #simplify(unit: number): Promise<boolean> {
    const memory = this.#memory;
    const calleesOf = (member: number) => memory.callees(member);
    const callees = calleeUnits(unit, calleesOf);
    if (callees.some((callee) => callee >= memory.count)) return false;
    const known = await Promise.all(callees.map((callee) => this.#recall(callee)));
    if (known.includes(false)) return false;
    const { summary } = await this.#step.simplify(unit, 0);
    const seen = interfaceDigest(
      summary,
      memory.is("isImported", unit),
      importLimits[this.#context.level],
    );
    return seen === memory.interfaceDigests[unit];
  }

  /** Learns of a callee from the store what the walk would have found. */
  async #recall(unit: number): Promise<boolean> {
    if (this.#step.isDone(unit)) return true;
    const key = this.#memory.key(unit);
    const parts = await this.#summaries.get(key);
    const result = parts && summaryCodec.decode(parts);
    if (!result) return false;
    const { summary } = result;
    const local = unpackNames(this.#memory.linkNames(unit), "latin1");
    const symbols = {
      names: local.concat(summary.kept),
      localCount: local.length,
      flags: summary.symbols,
    };
    const again = async () => {
      throw new OutdatedMemory();
    };
    this.#step.know(unit, { key, summary, symbols, body: undefined, imported: [], again });
    return true;
  }

  #final(index: number): FinalUnit {
    const memory = this.#memory;
    if (!memory.is("isSimplified", index)) return plainUnit(this.#context, index);
    const options = this.#context.options.emitSimplified;
    if (this.#edited.includes(index)) {
      const { summary } = this.#step.done(index);
      const body = () => this.#step.body(index);
      return { index, digest: summary.digest, body, linkNames: memory.linkNames(index), options };
    }
    const body = async () => {
      const parts = await this.#bodies.get(memory.key(index));
      if (!parts) throw new OutdatedMemory();
      return parts.body!;
    };
    const digest = memory.finalDigests[index]!;
    return { index, digest, body, linkNames: memory.linkNames(index), options };
  }
}
