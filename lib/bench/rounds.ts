/** Samples in rounds, and what came of them. */

import type { Sample } from "./measure";
import { median, type Summary, summaryOf } from "./statistics";

/** Called before each sample, and at the end. */
export type OnProgress = (done: number, total: number) => void;

/** Each is called once a round, in turn, so that what else the machine does falls on all alike. */
export async function inTurn<T>(
  samplers: readonly (() => Promise<T>)[],
  rounds: number,
  onProgress?: OnProgress,
): Promise<T[][]> {
  const samples = samplers.map((): T[] => []);
  const total = rounds * samplers.length;
  for (let done = 0; done < total; done++) {
    const i = done % samplers.length;
    onProgress?.(done, total);
    samples[i]!.push(await samplers[i]!());
  }
  onProgress?.(total, total);
  return samples;
}

export interface Figures {
  /** Seconds. */
  wall: Summary;
  cpu: Summary;
  /** MB. */
  peak: Summary;
  /** To the base: medians of what the rounds gave, since a machine may change its speed between them. */
  ratio?: { wall: number; cpu: number };
}

export function figuresOf(samples: readonly Sample[], base?: readonly Sample[]): Figures {
  const of = (field: "wall" | "cpu" | "peak") => summaryOf(samples.map((sample) => sample[field]));
  const ratio = (field: "wall" | "cpu") =>
    median(samples.map((sample, round) => sample[field] / base![round]![field]));
  return {
    wall: of("wall"),
    cpu: of("cpu"),
    peak: of("peak"),
    ...(base && { ratio: { wall: ratio("wall"), cpu: ratio("cpu") } }),
  };
}
