/** Runs contenders through scenarios, in turn. */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { FinegrainError } from "../errors";
import type { Contender, Counts, Scenario, State, Task } from "./contender";
import { measure, type Sample } from "./measure";
import { type Figures, figuresOf, inTurn, type OnProgress } from "./rounds";
import { median } from "./statistics";

export interface Contest {
  scenarios: Scenario[];
  contenders: Contender[];
  rounds: number;
  /** The contender that ratios refer to. */
  baseline: string;
  outputOf(contender: Contender): string;
  /** Throws where what was built does not do what it should. */
  check?(output: string, state: State): Promise<void>;
  onProgress?: OnProgress;
}

/** Ratios are to the baseline in the same scenario, else to its cold build. */
export interface Result extends Figures {
  scenario: string;
  contender: string;
  startsFrom: Contender["startsFrom"];
  rounds: number;
  counts?: Counts;
  checked: "output" | "bytes" | "no";
}

export interface Failure {
  contender: string;
  message: string;
}

export interface ContestResults {
  results: Result[];
  /** Peers that could not do it. A failure of finegrain itself is thrown. */
  failures: Failure[];
}

interface Cell {
  scenario: Scenario;
  contender: Contender;
  samples: Sample[];
  counts: Counts[];
  checked: Result["checked"];
}

export async function runContest(contest: Contest): Promise<ContestResults> {
  const cells = contest.scenarios.flatMap((scenario) =>
    contest.contenders
      .filter((contender) => contender.takesPart(scenario))
      .map((contender): Cell => {
        return { scenario, contender, samples: [], counts: [], checked: "no" };
      }),
  );
  const run = new ContestRun(contest);
  const samplers = cells.map((cell) => () => run.sample(cell));
  await inTurn(samplers, contest.rounds, contest.onProgress);
  const sampled = cells.filter(({ contender }) => !run.hasFailed(contender));
  return { results: withRatios(sampled, contest.baseline), failures: run.failures };
}

/** Changes nothing but that the output must be linked again. */
const relinked = "--build-id=none";

class ContestRun {
  readonly failures: Failure[] = [];
  readonly #contest: Contest;
  /** By state: what finegrain makes of it. Of an edited one, with the cache off. */
  readonly #digests = new Map<State, string>();

  constructor(contest: Contest) {
    this.#contest = contest;
  }

  hasFailed({ name }: Contender): boolean {
    return this.failures.some(({ contender }) => contender === name);
  }

  async sample(cell: Cell): Promise<void> {
    const { contender } = cell;
    if (this.hasFailed(contender)) return;
    try {
      await this.#sample(cell);
    } catch (error) {
      if (contender.countsOf) throw error;
      this.failures.push({ contender: contender.name, message: (error as Error).message });
    }
  }

  async #sample(cell: Cell): Promise<void> {
    const { scenario, contender } = cell;
    const { kind, state } = scenario;
    const linkArguments = kind === "relink" ? [relinked] : [];
    const task = { output: this.#contest.outputOf(contender), state, kind, linkArguments };
    if (kind === "cold") contender.cache?.empty();
    else if (kind !== "off") contender.cache?.restore();
    if (kind === "edit") contender.cache?.willChange();
    state.activate?.();
    contender.before?.();
    try {
      const sample = await measure(contender.stages(task), surroundingsOf(contender));
      cell.samples.push(sample);
      if (contender.countsOf) cell.counts.push(contender.countsOf(sample.stdout));
    } finally {
      contender.after?.();
    }
    if (kind === "cold") contender.cache?.keep();
    if (cell.samples.length === 1) cell.checked = await this.#check(contender, task);
  }

  /** Whatever way it was built: it runs, and what finegrain made is the same, byte for byte. */
  async #check(contender: Contender, task: Task): Promise<Result["checked"]> {
    const isOwn = contender.countsOf !== undefined && task.kind !== "relink";
    if (isOwn && digestOf(task.output) !== (await this.#referenceOf(contender, task)))
      throw new FinegrainError(
        "BENCHMARK_FAILED",
        `${contender.name}, ${task.state.name}: the output is not that of a build without the cache`,
      );
    if (this.#contest.check) await this.#contest.check(task.output, task.state);
    if (this.#contest.check) return "output";
    return isOwn ? "bytes" : "no";
  }

  async #referenceOf(contender: Contender, task: Task): Promise<string> {
    let digest = this.#digests.get(task.state);
    if (digest === undefined) {
      const output = `${task.output}.reference`;
      const isEdited = task.state.changed.length > 0;
      if (isEdited) await measure(contender.stages({ ...task, output, kind: "off" }));
      digest = digestOf(isEdited ? output : task.output);
      this.#digests.set(task.state, digest);
    }
    return digest;
  }
}

function surroundingsOf({ env }: Contender) {
  return env ? { env } : {};
}

function digestOf(file: string): string {
  return createHash("sha256").update(readFileSync(file)).digest("hex");
}

function withRatios(cells: readonly Cell[], baseline: string): Result[] {
  const baselines = cells.filter(({ contender }) => contender.name === baseline);
  return cells.map((cell) => {
    const base =
      baselines.find(({ scenario }) => scenario === cell.scenario) ??
      baselines.find(({ scenario }) => scenario.kind === "cold");
    return resultOf(cell, base);
  });
}

function resultOf(cell: Cell, base: Cell | undefined): Result {
  const { scenario, contender, samples, counts, checked } = cell;
  return {
    scenario: scenario.name,
    contender: contender.name,
    startsFrom: contender.startsFrom,
    rounds: samples.length,
    ...figuresOf(samples, base?.samples),
    ...(counts.length > 0 && { counts: medianCounts(counts) }),
    checked,
  };
}

/** Hits are the same in every round; the phases are medians. */
function medianCounts(counts: readonly Counts[]): Counts {
  const [first] = counts;
  const phases = Object.keys(first!.phases).map((name) => [
    name,
    median(counts.map((count) => count.phases[name]!)),
  ]);
  return { ...first!, phases: Object.fromEntries(phases) };
}
