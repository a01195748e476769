/** Runs tasks with at most `limit` of them in flight, in the order given. */

import { FinegrainError } from "./errors";

export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted)
    throw new FinegrainError("ABORTED", "the build was stopped", { cause: signal.reason });
}

/** Rejects as soon as `signal` aborts; what the work still has in flight is let run out. */
export async function untilAborted<T>(
  signal: AbortSignal | undefined,
  start: () => Promise<T>,
): Promise<T> {
  if (!signal) return start();
  throwIfAborted(signal);
  const work = start();
  let stop = () => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => {
      try {
        throwIfAborted(signal);
      } catch (error) {
        reject(error);
      }
    };
    signal.addEventListener("abort", stop, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", stop);
    work.catch(() => {}); // it may fail after it has lost the race
  }
}

/**
 * Calls `run` for every item, `limit` at a time. The first failure stops new
 * calls and is thrown once those in flight have ended.
 */
export async function runAll<T, R>(
  items: readonly T[],
  limit: number,
  run: (item: T, index: number) => Promise<R>,
  signal?: AbortSignal,
  onDone: (done: number, total: number) => void = () => {},
): Promise<R[]> {
  const results = new Array<R>(items.length);
  let next = 0;
  let done = 0;
  let failure: unknown;
  async function worker(): Promise<void> {
    while (next < items.length && failure === undefined) {
      const index = next++;
      try {
        throwIfAborted(signal);
        results[index] = await run(items[index]!, index);
        onDone(++done, items.length);
      } catch (error) {
        failure ??= error;
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
  if (failure !== undefined) throw failure;
  return results;
}
