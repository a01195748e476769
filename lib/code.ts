/**
 * The code of all units that the output needs. Functions that are optimised one
 * by one are simplified first, and their code is generated as soon as it is sure
 * that somebody needs it; the rest goes to code generation at once.
 */

import { CallGraph, definesFunction, type GraphUnit } from "./callgraph";
import { EmitStep } from "./emit";
import { Liveness } from "./liveness";
import { packNames } from "./names";
import type { Level, ProgressEvent } from "./options";
import { JobQueue } from "./queue";
import type { CacheReport, PhaseTimer } from "./report";
import { SimplifyStep } from "./simplify";
import type { Caching } from "./step";
import type { Entry, Store } from "./store/store";
import { StoreWriter } from "./store/writer";
import { isLocalName, type SymbolTable } from "./symbols";
import type { StepOptions } from "./target";
import { symbolTable, type Unit } from "./units";

export interface CodeRequest {
  units: readonly Unit[];
  level: Level;
  /** Whether functions are simplified before their code is generated. */
  isSimplified: boolean;
  options: StepOptions;
  store: Store | undefined;
  /** Entries to put into it beside those of units. */
  memories: readonly (() => Entry)[];
  threads: number;
  verify: boolean;
  signal?: AbortSignal | undefined;
  onProgress?: ((event: ProgressEvent) => void) | undefined;
}

/** A unit that the output needs. */
export interface UnitCode {
  name: string;
  linkNames: Uint8Array;
  code: Uint8Array;
}

export interface CodeResult {
  /** In the order of the units asked for. */
  units: UnitCode[];
  cache: CacheReport;
  simplify: { lookups: number; hits: number };
  warnings: string[];
}

export async function codeFor(request: CodeRequest, timer: PhaseTimer): Promise<CodeResult> {
  const { store, verify, threads, signal } = request;
  const writer = new StoreWriter(store);
  const queue = new JobQueue(threads, signal);
  const run = await timer.time("key", async () => {
    return new CodeRun(request, { store, writer, queue, verify });
  });
  try {
    await run.simplifyAll(timer);
    const remember = new StoreWriter(store);
    for (const memory of request.memories) remember.add(memory());
    const units = await run.emitAll(timer);
    await timer.time("store", () => Promise.all([writer.finish(), remember.finish()]));
    return { units, ...run.report(writer) };
  } finally {
    await queue.idle();
  }
}

/** One build's way from units to code. */
class CodeRun {
  readonly #request: CodeRequest;
  readonly #graphUnits: GraphUnit[];
  readonly #graph: CallGraph;
  readonly #simplify: SimplifyStep;
  readonly #emit: EmitStep;
  readonly #liveness: Liveness;
  /** Under their final names. */
  readonly #symbols: SymbolTable[];
  readonly #code: (Promise<Uint8Array> | undefined)[];

  constructor(request: CodeRequest, caching: Caching) {
    const { units, options, level } = request;
    const progress = (phase: ProgressEvent["phase"]) => (done: number, total: number) =>
      request.onProgress?.({ phase, done, total });
    const symbols = units.map(symbolTable);
    this.#request = request;
    this.#symbols = [...symbols];
    this.#graphUnits = units.map((unit, index) => this.#graphUnit(unit, symbols[index]!));
    this.#graph = new CallGraph(this.#graphUnits);
    this.#simplify = new SimplifyStep(
      caching,
      { units, symbols, graph: this.#graph, options: options.simplify, level },
      progress("simplify"),
    );
    this.#emit = new EmitStep(caching, progress("emit"));
    this.#code = new Array(units.length);
    this.#liveness = new Liveness(this.#graphUnits, this.#graph, (unit) => this.#start(unit));
  }

  async simplifyAll(timer: PhaseTimer): Promise<void> {
    const start = performance.now();
    const simplified: number[] = [];
    this.#graphUnits.forEach(({ isSimplified, symbols }, unit) => {
      if (!isSimplified) this.#liveness.settle(unit, symbols);
      else if (!this.#graph.superseded.has(unit)) simplified.push(unit);
    });
    await this.#simplify.run(simplified, (unit, { symbols }) => {
      this.#symbols[unit] = symbols;
      this.#liveness.settle(unit, symbols);
    });
    timer.add("lookup", this.#simplify.lookupTime);
    if (simplified.length > 0)
      timer.add("simplify", performance.now() - start - this.#simplify.lookupTime);
  }

  async emitAll(timer: PhaseTimer): Promise<UnitCode[]> {
    const start = performance.now();
    const { units } = this.#request;
    const live = units.flatMap((_, unit) => (this.#code[unit] ? [unit] : []));
    const code = await Promise.all(live.map((unit) => this.#code[unit]!));
    const inside = Math.min(this.#emit.lookupTime, performance.now() - start);
    timer.add("lookup", inside);
    timer.add("emit", performance.now() - start - inside);
    return live.map((unit, index) => ({
      name: units[unit]!.name,
      linkNames: this.#linkNames(unit),
      code: code[index]!,
    }));
  }

  report(writer: StoreWriter): Omit<CodeResult, "units"> {
    const steps = [this.#simplify, this.#emit];
    const { lookups, hits } = this.#emit;
    const errors = [...steps.flatMap((step) => step.errors), ...writer.errors];
    const differing = steps.flatMap((step) => step.differing);
    return {
      cache: {
        url: this.#request.store?.url ?? "off",
        lookups,
        hits,
        misses: lookups - hits,
        bad: steps.reduce((sum, step) => sum + step.badCount, 0),
        errors: errors.length,
        addedBytes: writer.addedBytes,
      },
      simplify: { lookups: this.#simplify.lookups, hits: this.#simplify.hits },
      // A store that fails once fails often: its first words are enough.
      warnings: [
        ...errors.slice(0, 1).map((error) => `cache: ${error}`),
        ...differing.map((name) => `${name}: its cached code was wrong and has been replaced`),
      ],
    };
  }

  #graphUnit({ digest, isWhole }: Unit, symbols: SymbolTable): GraphUnit {
    // Names like those that finegrain gives were left alone, and would be taken for them.
    const isOdd = symbols.names.slice(symbols.localCount).some(isLocalName);
    const isSimplified =
      this.#request.isSimplified && !isWhole && !isOdd && definesFunction(symbols);
    return { symbols, digest, isWhole, isSimplified };
  }

  #linkNames(unit: number): Uint8Array {
    if (!this.#graphUnits[unit]!.isSimplified) return this.#request.units[unit]!.linkNames;
    const { names, localCount } = this.#symbols[unit]!;
    return packNames(names.slice(0, localCount));
  }

  #start(index: number): void {
    const { units, options } = this.#request;
    const { name, digest, size, body } = units[index]!;
    const code = this.#graphUnits[index]!.isSimplified
      ? this.#emit.emit({
          name,
          digest: this.#simplify.digest(index),
          size,
          body: () => this.#simplify.body(index),
          linkNames: this.#linkNames(index),
          options: options.emitSimplified,
        })
      : this.#emit.emit({
          name,
          digest,
          size,
          body,
          linkNames: this.#linkNames(index),
          options: options.emit,
        });
    code.catch(() => {}); // emitAll waits for it, later
    this.#code[index] = code;
  }
}
