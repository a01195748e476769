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
import { type EmitOptions, type SimplifyRequest as NativeRequest, native, piece } from "./native";
import type { Level } from "./options";
import { type Plan, type PlanGraph, planSimplify, planText, type SimplifiedUnit } from "./plan";
import { runAlone, type Work } from "./queue";
import { CachedStep, type Caching, type OnStepProgress } from "./step";
import { parseSummary, type SimplifyResult, summaryCodec } from "./summary";
import { restoreLinkNames, type SymbolTable } from "./symbols";
import type { Unit } from "./unit";

/** Larger functions are not handed over: the inliner would hardly take one. */
export const importLimits: Record<Level, number> = {
  O0: 0,
  O1: 80,
  O2: 80,
  O3: 90,
  Os: 25,
  Oz: 10,
};

/** Before any code is generated: what others wait for comes first. */
const basePriority = 2 ** 40;

export interface SimplifyRequest extends PlanGraph {
  units: readonly Unit[];
  options: EmitOptions;
  level: Level;
}

/** A unit after its turn. */
export interface Done extends SimplifiedUnit {
  /** Of its entry in the store. */
  key: Uint8Array;
  body: Uint8Array | undefined;
  /** The units whose bodies it was handed. */
  imported: readonly number[];
  /** Makes the body again, where the store has lost it. */
  again: () => Promise<SimplifyResult>;
}

interface PlannedUnit {
  unit: number;
  plan: Plan;
}

export class SimplifyStep extends CachedStep<PlannedUnit, SimplifyResult> {
  readonly #request: SimplifyRequest;
  readonly #bodies: Lookups;
  readonly #done = new Map<number, Done>();

  constructor(caching: Caching, request: SimplifyRequest, onProgress: OnStepProgress) {
    super(caching, summaryCodec, onProgress);
    this.#request = request;
    this.#bodies = new Lookups(caching.store, ["body"], caching.faults);
  }

  /** Simplifies `units`, which are heads of clusters, and calls `onDone` for each as soon as it is done. */
  run(
    units: readonly number[],
    graph: CallGraph,
    onDone: (unit: number, done: Done) => void,
  ): Promise<void> {
    const priorities = this.#priorities(graph);
    const waitsFor = new Map(units.map((unit) => [unit, graph.calleeUnits(unit).length]));
    return new Promise((resolve, reject) => {
      let left = units.length;
      const finish = (unit: number, done: Done) => {
        onDone(unit, done);
        for (const caller of graph.callers[unit]!) {
          const count = waitsFor.get(caller)! - 1;
          waitsFor.set(caller, count);
          if (count === 0) start(caller);
        }
        if (--left === 0) resolve();
      };
      const start = (unit: number) => {
        this.simplify(unit, priorities[unit]!)
          .then((done) => finish(unit, done))
          .catch(reject);
      };
      if (left === 0) resolve();
      for (const unit of units) if (waitsFor.get(unit) === 0) start(unit);
    });
  }

  /** Simplifies a unit whose callees are done. */
  async simplify(unit: number, priority: number): Promise<Done> {
    const { units, options, level } = this.#request;
    const { name, digest } = units[unit]!;
    const doneOf = (callee: number) => this.#done.get(callee)!;
    const plan = planSimplify(unit, this.#request, doneOf, importLimits[level]);
    const imports = planText(plan, {
      member: (member) => units[member]!.digest,
      imported: (callee) => doneOf(callee).summary.digest,
    });
    const key = keyFor({ body: digest, imports }, options);
    const request = { unit, plan };
    const size = plan.members.reduce((sum, { unit }) => sum + units[unit]!.size, units[unit]!.size);
    const job = { work: this.#compute, request, size };
    const again = () => runAlone(this.#compute, request);
    const { summary, body } = await this.get({ name, key, priority, job });
    const imported = plan.imports.map(({ unit }) => unit);
    const symbolsNow = named(summary, plan);
    const done = { key: key.digest, summary, symbols: symbolsNow, body, imported, again };
    this.#done.set(unit, done);
    return done;
  }

  /** Tells what is known of a unit from elsewhere. */
  know(unit: number, done: Done): void {
    this.#done.set(unit, done);
  }

  isDone(unit: number): boolean {
    return this.#done.has(unit);
  }

  done(unit: number): Done {
    return this.#done.get(unit)!;
  }

  /** The simplified body of a unit that is done. */
  async body(unit: number): Promise<Uint8Array> {
    const done = this.done(unit);
    done.body ??= (await this.#bodies.get(done.key))?.body;
    done.body ??= (await done.again()).body!;
    return done.body;
  }

  /** The longest way to the top comes first. */
  #priorities(graph: CallGraph): Float64Array {
    const { units } = this.#request;
    const priorities = new Float64Array(units.length);
    for (const unit of graph.order.toReversed()) {
      let above = basePriority;
      for (const caller of graph.callers[unit]!) above = Math.max(above, priorities[caller]!);
      priorities[unit] = above + units[unit]!.size;
    }
    return priorities;
  }

  readonly #compute: Work<PlannedUnit, SimplifyResult> = async (planned) => {
    const { units, options } = this.#request;
    const requests = await Promise.all(planned.map((request) => this.#nativeRequest(request)));
    const { bodies, summaries, errors } = await native.simplify(requests, options);
    return planned.map(({ unit }, i) => {
      const reason = errors[i];
      if (reason)
        return { status: "rejected", reason: FinegrainError.from(reason, units[unit]!.name) };
      const summaryText = piece(summaries, i);
      const value = { summary: parseSummary(summaryText), summaryText, body: piece(bodies, i) };
      return { status: "fulfilled", value };
    });
  };

  async #nativeRequest({ unit, plan }: PlannedUnit): Promise<NativeRequest> {
    const { units } = this.#request;
    const members = await Promise.all(
      plan.members.map(async ({ unit, numbers, function: name }) => ({
        body: await units[unit]!.body(),
        positions: Uint32Array.from(numbers),
        function: Buffer.from(name, "latin1"),
      })),
    );
    const imports = await Promise.all(
      plan.imports.map(async ({ unit, numbers, functions, isOnlyCall }) => ({
        body: await this.body(unit),
        positions: Uint32Array.from(numbers),
        functions: packNames(functions),
        isOnlyCall,
      })),
    );
    const body = await units[unit]!.body();
    return { body, members, imports, attributes: packNames(plan.attributes) };
  }
}

/** The result's symbols, under the names that this unit has for them. */
function named(
  { origins, kept, symbols }: SimplifyResult["summary"],
  { names }: Plan,
): SymbolTable {
  const local = origins.map((origin) => restoreLinkNames(origin, names));
  return { names: local.concat(kept), localCount: local.length, flags: symbols };
}
