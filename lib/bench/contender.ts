/** Who is measured, and at what. */

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync } from "node:fs";
import path from "node:path";
import type { Stage } from "./measure";

/** Inputs as they are before or after an edit. */
export interface State {
  name: string;
  /** A program's bitcode, a file each module. */
  bitcode: readonly string[];
  /** Its sources, where it has any, in the same order. */
  sources: readonly string[];
  /** Those that differ from the first state: their indices. */
  changed: readonly number[];
  /** Puts the sources into this state, where they lie. Untimed. */
  activate?(): void;
}

export type ScenarioKind = "off" | "cold" | "hits" | "relink" | "edit";

export interface Scenario {
  name: string;
  kind: ScenarioKind;
  state: State;
}

/** What all contenders build, each in its own way. */
export interface Task {
  output: string;
  state: State;
  kind: ScenarioKind;
  /** For lld, besides those of all builds. */
  linkArguments?: readonly string[];
}

export interface Contender {
  name: string;
  startsFrom: "bitcode" | "source";
  /** Undefined where it keeps nothing from one build to the next but objects. */
  cache?: CacheFolder;
  /** Whether it does anything in this scenario that it does not do in others. */
  takesPart(scenario: Scenario): boolean;
  stages(task: Task): Stage[];
  env?: Record<string, string>;
  /** Untimed. */
  before?(): void;
  after?(): void;
  /** What it counted itself, from what it printed. */
  countsOf?(stdout: string): Counts;
}

export interface Counts {
  units: number;
  lookups: number;
  hits: number;
  phases: Record<string, number>;
}

/** All call it the same, as builds of one program do: finegrain remembers by name. */
export function outputIn(work: string, { name }: Pick<Contender, "name">): string {
  const folder = path.join(work, name.replaceAll(/\W+/g, "-"));
  mkdirSync(folder, { recursive: true });
  return path.join(folder, "program");
}

/** A cache that can be empty, or as it was after the first build. */
export class CacheFolder {
  readonly folder: string;
  readonly #kept: string;
  /** It is as it was kept, but for notes on what was used. */
  #isAsKept = false;
  #count = 0;

  constructor(folder: string) {
    this.folder = folder;
    this.#kept = `${folder}.kept`;
  }

  empty(): void {
    this.#putAway();
    mkdirSync(this.folder, { recursive: true });
  }

  keep(): void {
    if (!existsSync(this.#kept)) copyFolder(this.folder, this.#kept);
  }

  restore(): void {
    if (this.#isAsKept) return;
    this.#putAway();
    copyFolder(this.#kept, this.folder);
    this.#isAsKept = true;
  }

  /** What follows will put new entries into it. */
  willChange(): void {
    this.#isAsKept = false;
  }

  /** Not removed: some file systems are slow to make files where others have just been deleted. */
  #putAway(): void {
    this.#isAsKept = false;
    if (existsSync(this.folder)) renameSync(this.folder, `${this.folder}.${this.#count++}`);
  }
}

/** With its times, and faster by far than Node does it. */
function copyFolder(from: string, to: string): void {
  execFileSync("cp", ["-a", from, to]);
}
