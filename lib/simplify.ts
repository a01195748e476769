/**
 * Simplifies functions bottom-up over the call graph, several at a time. Each is
 * told of those it calls (plan.ts), and that is in its key: so it is done again
 * only where what it imports has changed, not because something far below was
 * touched.
 */

import type { CallGraph } from "./callgraph";
import { FinegrainError } from "./errors";
import { keyFor } from "./key";
import { Lookups } from "./lookups";
import { packNames } from "./names";
import { type EmitOptions, native } from "./native";
import type { Level } from "./options";
import { type Plan, planSimplify, planText, type SimplifiedUnit } from "./plan";
import { CachedStep, type Caching, type OnStepProgress } from "./step";
import { parseSummary, type SimplifyResult, summaryCodec } from "./summary";
import { restoreLinkNames, type SymbolTable } from "./symbols";
import type { Unit } from "./units";

/** Larger functions are not handed over: the inliner would hardly take one. */
const importLimits: Record<Level, number> = { O0: 0, O1: 100, O2: 100, O3: 110, Os: 40, Oz: 20 };

/** Before any code is generated: what others wait for comes first. */
const basePriority = 2 ** 40;

export interface SimplifyRequest {
  units: readonly Unit[];
  symbols: readonly SymbolTable[];
  graph: CallGraph;
  options: EmitOptions;
  level: Level;
}

interface Done extends SimplifiedUnit {
  plan: Plan;
  key: Uint8Array;
  result: SimplifyResult;
}

export class SimplifyStep extends CachedStep<SimplifyResult> {
  readonly #request: SimplifyRequest;
  readonly #bodies: Lookups;
  readonly #done: (Done | undefined)[];

  constructor(caching: Caching, request: SimplifyRequest, onProgress: OnStepProgress) {
    super(caching, summaryCodec, onProgress);
    this.#request = request;
    this.#bodies = new Lookups(caching.store, ["body"]);
    this.#done = new Array(request.units.length);
  }

  /** Simplifies `units`, and calls `onDone` for each as soon as it is done. */
  run(
    units: readonly number[],
    onDone: (unit: number, done: SimplifiedUnit) => void,
  ): Promise<void> {
    const { callees, callers } = this.#request.graph;
    const priorities = this.#priorities();
    const waitsFor = new Map(
      units.map((unit) => [unit, new Set(callees[unit]!.map((c) => c.definition.unit)).size]),
    );
    return new Promise((resolve, reject) => {
      let left = units.length;
      const finish = (unit: number, done: Done) => {
        this.#done[unit] = done;
        onDone(unit, done);
        for (const caller of callers[unit]!) {
          const count = waitsFor.get(caller)! - 1;
          waitsFor.set(caller, count);
          if (count === 0) start(caller);
        }
        if (--left === 0) resolve();
      };
      const start = (unit: number) => {
        this.#simplify(unit, priorities[unit]!)
          .then((done) => finish(unit, done))
          .catch(reject);
      };
      if (left === 0) resolve();
      for (const unit of units) if (waitsFor.get(unit) === 0) start(unit);
    });
  }

  digest(unit: number): string {
    return this.#done[unit]!.summary.digest;
  }

  /** The simplified body of a unit that is done. */
  async body(unit: number): Promise<Uint8Array> {
    const done = this.#done[unit]!;
    const { result } = done;
    result.body ??= (await this.#bodies.get(done.key))?.body;
    result.body ??= (await this.#compute(unit, done.plan)).body!;
    return result.body;
  }

  /** The longest way to the top comes first. */
  #priorities(): Float64Array {
    const { graph, units } = this.#request;
    const priorities = new Float64Array(units.length);
    for (const unit of graph.order.toReversed()) {
      const above = graph.callers[unit]!.map((caller) => priorities[caller]!);
      priorities[unit] = Math.max(basePriority, ...above) + units[unit]!.size;
    }
    return priorities;
  }

  async #simplify(unit: number, priority: number): Promise<Done> {
    const { units, symbols, graph, options, level } = this.#request;
    const { name, digest } = units[unit]!;
    const doneOf = (callee: number) => this.#done[callee]!;
    const plan = planSimplify(symbols[unit]!, graph.callees[unit]!, doneOf, importLimits[level]);
    const imports = planText(plan, (callee) => doneOf(callee).summary.digest);
    const key = keyFor({ body: digest, imports }, options);
    const result = await this.get({
      name,
      key,
      priority,
      run: () => this.#compute(unit, plan),
    });
    return { plan, key: key.digest, result, ...named(result, plan) };
  }

  async #compute(unit: number, plan: Plan): Promise<SimplifyResult> {
    const { name, body } = this.#request.units[unit]!;
    const imports = await Promise.all(
      plan.imports.map(async ({ unit, numbers, functions, isOnlyCall }) => ({
        body: await this.body(unit),
        positions: Uint32Array.from(numbers),
        functions: packNames(functions),
        isOnlyCall,
      })),
    );
    try {
      const { body: simplified, summary } = await native.simplify(
        await body(),
        imports,
        packNames(plan.attributes),
        this.#request.options,
      );
      return { summary: parseSummary(summary), summaryText: summary, body: simplified };
    } catch (error) {
      throw FinegrainError.from(error, name);
    }
  }
}

/** The result, under the names that this unit has for it. */
function named({ summary }: SimplifyResult, { names }: Plan): SimplifiedUnit {
  const origins = summary.origins.map((origin) => restoreLinkNames(origin, names));
  return {
    summary,
    symbols: {
      names: [...origins, ...summary.kept],
      localCount: origins.length,
      flags: summary.symbols,
    },
  };
}
