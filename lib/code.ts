/**
 * The code of all units that the output needs. Functions that are optimised one
 * by one are simplified first, and their code is generated as soon as it is sure
 * that somebody needs it; the rest goes to code generation at once.
 */

import { EmitStep } from "./emit";
import type { Faults } from "./lookups";
import { MemoryLookups, memoryEntry } from "./memories";
import type { EmitOptions, PackedNames } from "./native";
import type { Level, ProgressEvent } from "./options";
import { JobQueue } from "./queue";
import { QuickWalk } from "./quick";
import type { CacheCounts, PhaseTimer } from "./report";
import { SimplifyStep } from "./simplify";
import { OutdatedMemory } from "./split-memory";
import type { Caching } from "./step";
import type { Entry, Parts, Store } from "./store/store";
import { StoreWriter } from "./store/writer";
import type { StepOptions } from "./target";
import { symbolTable, type Unit } from "./units";
import { Walk } from "./walk";
import { encodeWalk, WalkMemory, walkKey, walkParts } from "./walk-memory";

export interface CodeRequest {
  /** Tells programs apart that share a store. */
  program: string;
  units: readonly Unit[];
  level: Level;
  /** Whether functions are simplified before their code is generated. */
  isSimplified: boolean;
  options: StepOptions;
  store: Store | undefined;
  faults: Faults;
  /** Entries to put into it beside those of units. */
  memories: readonly (() => Entry)[];
  threads: number;
  verify: boolean;
  signal?: AbortSignal | undefined;
  onProgress?: ((event: ProgressEvent) => void) | undefined;
}

export interface CodeContext extends CodeRequest {
  caching: Caching;
}

/** A unit in the form from which its code is generated. */
export interface FinalUnit {
  /** Among the units asked for. */
  index: number;
  digest: string;
  body: () => Uint8Array | Promise<Uint8Array>;
  linkNames: PackedNames;
  options: EmitOptions;
}

/** A unit that the output needs. */
export interface UnitCode {
  name: string;
  linkNames: PackedNames;
  code: Uint8Array;
}

export interface CodeResult {
  /** In the order of the units asked for. */
  units: UnitCode[];
  counts: Pick<CacheCounts, "lookups" | "hits" | "misses" | "addedBytes">;
  simplify: { lookups: number; hits: number };
  warnings: string[];
}

export async function codeFor(request: CodeRequest, timer: PhaseTimer): Promise<CodeResult> {
  const memory = await rememberedWalk(request, timer);
  let run = new CodeRun(request, timer);
  if (memory && QuickWalk.fits(request, memory))
    try {
      const result = await run.quickly(memory);
      if (result) return result;
    } catch (error) {
      if (!(error instanceof OutdatedMemory)) throw error;
      run = new CodeRun(request, timer);
    }
  return run.thoroughly(memory);
}

/** How the last build of these inputs ended, if it is known. */
async function rememberedWalk(
  { program, units, options, level, store, faults, verify }: CodeRequest,
  timer: PhaseTimer,
) {
  if (verify || units.every(({ isWhole }) => isWhole)) return undefined;
  const lookups = new MemoryLookups(store, walkParts, faults);
  const parts = await lookups.get(walkKey(program, options, level));
  timer.add("lookup", lookups.time);
  return parts && WalkMemory.open(parts);
}

/** The way from units to code: the short one, the whole one, or the whole one after the short. */
class CodeRun {
  readonly #context: CodeContext;
  readonly #timer: PhaseTimer;
  readonly #writer: StoreWriter;
  /** Memories are no units: their bytes are not counted. */
  readonly #remember: StoreWriter;
  readonly #queue: JobQueue;
  readonly #emit: EmitStep;
  readonly #code: { unit: FinalUnit; code: Promise<Uint8Array> }[] = [];
  /** Of the short way, where it led nowhere. */
  #earlier: SimplifyStep | undefined;

  constructor(request: CodeRequest, timer: PhaseTimer) {
    const { store, faults, verify, threads, signal } = request;
    this.#timer = timer;
    this.#writer = new StoreWriter(store, faults.errors);
    this.#remember = new StoreWriter(store, faults.errors);
    this.#queue = new JobQueue(threads, signal);
    const caching = { store, faults, writer: this.#writer, queue: this.#queue, verify };
    this.#context = { ...request, caching };
    this.#emit = new EmitStep(caching, this.#progress("emit"));
  }

  async quickly(memory: WalkMemory): Promise<CodeResult | undefined> {
    const { units } = this.#context;
    const step = this.#simplifyStep({
      symbols: (unit) => symbolTable(units[unit]!),
      callees: (unit) => memory.callees(unit),
    });
    return this.#untilIdle(async () => {
      const quick = new QuickWalk(this.#context, memory, step);
      const final = await this.#timed("simplify", step, () => quick.run());
      if (!final) {
        this.#earlier = step;
        return undefined;
      }
      for (const unit of final) this.#start(unit);
      return this.#finish(step, quick.result());
    });
  }

  async thoroughly(memory: WalkMemory | undefined): Promise<CodeResult> {
    const walk = await this.#timer.time("key", async () => new Walk(this.#context));
    const step = this.#simplifyStep({
      symbols: (unit) => walk.symbols(unit),
      callees: (unit) => walk.graph.callees[unit]!,
    });
    if (this.#earlier) step.adopt(this.#earlier);
    return this.#untilIdle(async () => {
      await this.#timed("simplify", step, async () => {
        if (memory) await step.prefetch(memory.keys());
        await walk.run(step, (unit) => this.#start(unit));
      });
      const isRemembered = this.#context.units.some(({ isWhole }) => !isWhole);
      return this.#finish(step, isRemembered ? encodeWalk(walk.result(step)) : undefined);
    });
  }

  #simplifyStep(graph: Pick<ConstructorParameters<typeof SimplifyStep>[1], "symbols" | "callees">) {
    const { caching, units, options, level } = this.#context;
    const request = { ...graph, units, options: options.simplify, level };
    return new SimplifyStep(caching, request, this.#progress("simplify"));
  }

  #progress(phase: ProgressEvent["phase"]) {
    return (done: number, total: number) => this.#context.onProgress?.({ phase, done, total });
  }

  #start(unit: FinalUnit): void {
    const { name, size } = this.#context.units[unit.index]!;
    const code = this.#emit.emit({ ...unit, name, size });
    code.catch(() => {}); // it is waited for later
    this.#code.push({ unit, code });
  }

  async #finish(step: SimplifyStep, walked: Parts | undefined): Promise<CodeResult> {
    const { program, units, options, level, memories } = this.#context;
    if (walked && this.#context.store)
      this.#remember.add(memoryEntry(walkKey(program, options, level), walked));
    for (const memory of memories) this.#remember.add(memory());
    this.#code.sort((a, b) => a.unit.index - b.unit.index);
    const code = await this.#timed("emit", this.#emit, () =>
      Promise.all(this.#code.map(({ code }) => code)),
    );
    await this.#timer.time("store", () =>
      Promise.all([this.#writer.finish(), this.#remember.finish()]),
    );
    const unitCode = this.#code.map(({ unit: { index, linkNames } }, i) => {
      return { name: units[index]!.name, linkNames, code: code[i]! };
    });
    return { units: unitCode, ...this.#report(step) };
  }

  /** Waiting for the store is a phase of its own. */
  async #timed<T>(
    phase: "simplify" | "emit",
    step: { lookupTime: number },
    work: () => Promise<T>,
  ): Promise<T> {
    const start = performance.now();
    const before = step.lookupTime;
    const result = await work();
    const total = performance.now() - start;
    const waiting = Math.min(step.lookupTime - before, total);
    this.#timer.add("lookup", waiting);
    this.#timer.add(phase, total - waiting);
    return result;
  }

  async #untilIdle<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } finally {
      await this.#queue.idle();
    }
  }

  #report(simplify: SimplifyStep): Omit<CodeResult, "units"> {
    const { lookups, hits } = this.#emit;
    const differing = [...simplify.differing, ...this.#emit.differing];
    return {
      counts: { lookups, hits, misses: lookups - hits, addedBytes: this.#writer.addedBytes },
      simplify: { lookups: simplify.lookups, hits: simplify.hits },
      warnings: differing.map((name) => `${name}: its cached code was wrong and has been replaced`),
    };
  }
}
