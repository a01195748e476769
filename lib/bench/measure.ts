/** Runs commands and tells their time and memory. */

import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { text } from "node:stream/consumers";
import { FinegrainError } from "../errors";

/** Commands that may run side by side. */
export interface Stage {
  commands: string[][];
  jobs: number;
}

export interface Sample {
  /** Seconds. */
  wall: number;
  /** Seconds of all processes and threads. */
  cpu: number;
  /** MB resident, of all processes together. */
  peak: number;
  stdout: string;
}

export const one = (...command: string[]): Stage => ({ commands: [command], jobs: 1 });

/** Where it runs does not show in what is measured: commands name files by their whole paths. */
export interface Surroundings {
  cwd?: string;
  env?: Record<string, string>;
}

/** Runs the stages one after the other. Throws a FinegrainError where a command fails. */
export async function measure(
  stages: readonly Stage[],
  { cwd, env }: Surroundings = {},
): Promise<Sample> {
  const script = `set -e -o pipefail; TIMEFORMAT='%U %S %R'\ntime {\n${stages.map(textOf).join("\n")}\n}`;
  const child = spawn("bash", ["-s"], { cwd, env: { ...process.env, ...env } });
  child.stdin.on("error", () => {}); // it ended early: its status says so
  child.stdin.end(script);
  const peak = watchMemory(child.pid);
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  const [stdout, stderr, status] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    ended,
  ]).finally(() => peak.stop());
  if (status !== 0) throw new FinegrainError("BENCHMARK_FAILED", failureOf(stages, stderr));
  const times = stderr.trim().split("\n").at(-1)!;
  const [user, system, wall] = times.split(" ").map(Number);
  return { cpu: user! + system!, wall: wall!, peak: peak.megabytes(), stdout };
}

/** Only bash's own commands take arguments without a limit. */
function textOf({ commands, jobs }: Stage): string {
  const lines = commands.map((command) => command.map(quoted).join(" "));
  if (lines.length === 1 || jobs === 1) return lines.join("\n");
  return `printf '%s\\0' ${lines.map(quoted).join(" ")} | xargs -0 -n 1 -P ${jobs} sh -c`;
}

export function quoted(word: string): string {
  return /^[\w./:=,+@%-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

function failureOf(stages: readonly Stage[], stderr: string): string {
  const programs = stages.flatMap(({ commands }) => commands.slice(0, 1).map(([name]) => name!));
  const names = programs.map((name) => path.basename(name)).join(", ");
  return `${names}: ${stderr.trim().slice(0, 1500)}`;
}

/** How often memory is looked at, in milliseconds. */
const period = 10;

/** Watches a process and its descendants. */
function watchMemory(root: number | undefined) {
  let peak = 0;
  const look = () => {
    const processes = descendants(root).map(memoryOf);
    const together = processes.reduce((sum, { now }) => sum + now, 0);
    peak = Math.max(peak, together, ...processes.map(({ most }) => most));
  };
  const timer = setInterval(look, period);
  return { stop: () => clearInterval(timer), megabytes: () => peak / 1024 };
}

function descendants(process: number | undefined): number[] {
  if (process === undefined) return [];
  const children = readOr(`/proc/${process}/task/${process}/children`);
  return [process, ...children.split(" ").filter(Boolean).map(Number).flatMap(descendants)];
}

/** In KB. A process that has ended has none. */
function memoryOf(process: number): { now: number; most: number } {
  const status = readOr(`/proc/${process}/status`);
  const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1]);
  return { now: field("VmRSS") || 0, most: field("VmHWM") || 0 };
}

function readOr(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
