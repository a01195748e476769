/**
 * The code of all units that the output needs. Functions that are optimised one
 * by one are simplified first, and their code is generated as soon as it is sure
 * that somebody needs it; the rest goes to code generation at once.
 */

import { type EmitRequest, EmitStep } from "./emit";
import { ChangedGraph, type KnownGraph, SameGraph } from "./known-graph";
import type { Faults } from "./lookups";
import { isRecent, MemoryLookups, memoryEntry } from "./memories";
import { noNames } from "./names";
import type { EmitOptions, PackedNames } from "./native";
import { ObjectMemory, type PlacedUnit, rememberObjects } from "./object-memory";
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
import type { Unit } from "./unit";
import { plainUnit, Walk } from "./walk";
import { encodeWalk, objectsKey, WalkMemory, walkKey, walkParts } from "./walk-memory";

export interface CodeRequest {
  /** Tells programs apart that share a store. */
  program: string;
  units: readonly Unit[];
  /** By unit: the place of its module among the inputs. */
  modules: readonly number[];
  level: Level;
  /** Whether functions are simplified before their code is generated. */
  isSimplified: boolean;
  options: StepOptions;
  store: Store | undefined;
  faults: Faults;
  threads: number;
  verify: boolean;
  signal?: AbortSignal | undefined;
  onProgress?: ((event: ProgressEvent) => void) | undefined;
}

export interface CodeContext extends CodeRequest {
  caching: Caching;
}

/** A unit in the form from which its code is generated. */
export interface FinalUnit extends PlacedUnit {
  digest: string;
  body: () => Uint8Array | Promise<Uint8Array>;
  linkNames: PackedNames;
  options: EmitOptions;
}

/** A unit that the output needs. */
export interface UnitCode extends PlacedUnit {
  name: string;
  /** None where the code is an object that has them. */
  linkNames: PackedNames;
  code: Uint8Array;
}

export interface CodeResult {
  /** In the order of the units asked for. */
  units: UnitCode[];
  counts: Pick<CacheCounts, "lookups" | "hits" | "misses" | "addedBytes">;
  simplify: { lookups: number; hits: number };
  warnings: string[];
  /**
   * For the next build, to be put into the store once there is time. `objects` are
   * those of the units, under their link names.
   */
  memories?: (objects: readonly Uint8Array[]) => Entry[];
}

export async function codeFor(request: CodeRequest, timer: PhaseTimer): Promise<CodeResult> {
  if (request.units.every(({ isWhole }) => isWhole)) return new CodeRun(request, timer).plainly();
  const memory = await rememberedWalk(request, timer);
  let run = new CodeRun(request, timer);
  if (memory && isRecent(memory.walkedAt))
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
  { program, options, level, store, faults, verify }: CodeRequest,
  timer: PhaseTimer,
) {
  if (verify) return undefined;
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
  readonly #queue: JobQueue;
  readonly #emit: EmitStep;
  #walk: Walk | undefined;
  #objects: Promise<ObjectMemory | undefined> | undefined;
  /** Of the short way, where it led nowhere. */
  #earlier: SimplifyStep | undefined;

  constructor(request: CodeRequest, timer: PhaseTimer) {
    const { store, faults, verify, threads, signal } = request;
    this.#timer = timer;
    this.#writer = new StoreWriter(store, faults.errors);
    this.#queue = new JobQueue(threads, signal);
    const caching = { store, faults, writer: this.#writer, queue: this.#queue, verify };
    this.#context = { ...request, caching };
    this.#emit = new EmitStep(caching, this.#progress("emit"));
  }

  async quickly(memory: WalkMemory): Promise<CodeResult | undefined> {
    if (SameGraph.fits(this.#context, memory)) {
      const same = new SameGraph(this.#context.units, memory);
      const result = await this.#quicklyAlong(same, memory);
      if (result) return result;
    }
    const walk = await this.#wholeWalk();
    const changed = await this.#timer.time("key", async () => ChangedGraph.between(walk, memory));
    return changed && this.#quicklyAlong(changed, memory);
  }

  async #quicklyAlong(graph: KnownGraph, memory: WalkMemory): Promise<CodeResult | undefined> {
    const step = this.#simplifyStep({
      symbols: (unit) => graph.symbols(unit),
      callees: (unit) => graph.callees(unit),
    });
    if (this.#earlier) step.adopt(this.#earlier);
    this.#objects ??= ObjectMemory.recall(this.#objectsKey(), memory.parts, this.#context);
    return this.#untilIdle(async () => {
      const quick = new QuickWalk(this.#context, memory, graph, step);
      const final = await this.#timed("simplify", step, () => quick.run());
      if (!final) {
        this.#earlier = step;
        return undefined;
      }
      const objects = await this.#timer.time("lookup", async () => this.#objects);
      const made = await this.#timed("emit", this.#emit, () => this.#emitAll(final, objects));
      const walked = quick.hasChanges ? () => quick.result() : undefined;
      return this.#finish(step, made, walked, objects);
    });
  }

  /** All modules that stay whole are wanted, and none is looked into. */
  async plainly(): Promise<CodeResult> {
    const { units } = this.#context;
    const step = this.#simplifyStep({
      symbols: (unit) => units[unit]!.symbolTable,
      callees: () => [],
    });
    return this.#untilIdle(async () => {
      const final = units.map((_, unit) => plainUnit(this.#context, unit));
      const made = await this.#timed("emit", this.#emit, () => this.#emitAll(final));
      return this.#finish(step, made);
    });
  }

  async thoroughly(memory: WalkMemory | undefined): Promise<CodeResult> {
    const walk = await this.#wholeWalk();
    const step = this.#simplifyStep({
      symbols: (unit) => walk.symbols(unit),
      callees: (unit) => walk.graph.callees[unit]!,
    });
    if (this.#earlier) step.adopt(this.#earlier);
    return this.#untilIdle(async () => {
      const started: Promise<UnitCode>[] = [];
      await this.#timed("simplify", step, async () => {
        if (memory) await step.prefetch(memory.keys());
        await walk.run(step, (unit) => {
          started.push(this.#start(unit));
        });
      });
      const made = await this.#timed("emit", this.#emit, () => Promise.all(started));
      return this.#finish(step, made, () => encodeWalk(walk.result(step), Date.now()));
    });
  }

  async #wholeWalk(): Promise<Walk> {
    this.#walk ??= await this.#timer.time("key", async () => new Walk(this.#context));
    return this.#walk;
  }

  #simplifyStep(graph: Pick<ConstructorParameters<typeof SimplifyStep>[1], "symbols" | "callees">) {
    const { caching, units, options, level } = this.#context;
    const request = { ...graph, units, options: options.simplify, level };
    return new SimplifyStep(caching, request, this.#progress("simplify"));
  }

  #progress(phase: ProgressEvent["phase"]) {
    return (done: number, total: number) => this.#context.onProgress?.({ phase, done, total });
  }

  #emitRequest(unit: FinalUnit): EmitRequest {
    const { name, size } = this.#context.units[unit.index]!;
    return { ...unit, name, size };
  }

  #start(unit: FinalUnit): Promise<UnitCode> {
    const code = this.#emit.emit(this.#emitRequest(unit)).then((code) => this.#made(unit, code));
    code.catch(() => {}); // it is waited for later
    return code;
  }

  #made({ index, linkNames }: FinalUnit, code: Uint8Array): UnitCode {
    return { index, place: 0, name: this.#context.units[index]!.name, linkNames, code };
  }

  /** Asks for all code at once that is not in the memory of objects. */
  async #emitAll(final: readonly FinalUnit[], objects?: ObjectMemory): Promise<UnitCode[]> {
    const known = final.map((unit) => objects?.object(unit));
    const unknown = final.filter((_, i) => !known[i]);
    const code = await this.#emit.emitAll(unknown.map((unit) => this.#emitRequest(unit)));
    this.#emit.countKnown(final.length - unknown.length);
    let next = 0;
    return final.map((unit, i) => {
      const object = known[i];
      if (!object) return this.#made(unit, code[next++]!);
      return { ...this.#made(unit, object), place: unit.place, linkNames: noNames };
    });
  }

  async #finish(
    step: SimplifyStep,
    made: UnitCode[],
    walked?: () => Parts,
    known?: ObjectMemory,
  ): Promise<CodeResult> {
    const { program, units, options, level } = this.#context;
    await this.#timer.time("store", () => this.#writer.finish());
    made.sort((a, b) => a.index - b.index);
    const result = { units: made, ...this.#report(step) };
    if (!walked) return result;
    const memories = (objects: readonly Uint8Array[]) => {
      const all = { count: units.length, units: made };
      const { parts, entries } = rememberObjects(this.#objectsKey(), all, objects, known);
      const walk = { ...walked(), ...parts };
      return [...entries, memoryEntry(walkKey(program, options, level), walk)];
    };
    return { ...result, memories };
  }

  #objectsKey(): Uint8Array {
    const { program, options, level } = this.#context;
    return objectsKey(program, options, level);
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
