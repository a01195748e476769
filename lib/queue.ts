/**
 * Runs jobs with at most `limit` calls in flight, the most urgent of those that
 * wait first. After the first failure no job is started any more.
 *
 * To go to another thread and back takes about as long as a small job's work, so
 * small jobs of one kind go together in one call.
 */

import { throwIfAborted } from "./schedule";

/** Does requests one after the other on one thread. Each has its own outcome. */
export type Work<Q, R> = (requests: readonly Q[]) => Promise<PromiseSettledResult<R>[]>;

export interface Job<Q, R> {
  work: Work<Q, R>;
  request: Q;
  /** Bytes; they say about how long it takes. */
  size: number;
}

/** A call should not last: others wait for its results, and it cannot be stopped. */
const mostJobsOfCall = 8;
const mostBytesOfCall = 32 * 1024;

interface Waiting {
  priority: number;
  work: Work<never, unknown>;
  request: unknown;
  size: number;
  settle: (outcome: PromiseSettledResult<unknown>) => void;
}

export class JobQueue {
  readonly #limit: number;
  readonly #signal: AbortSignal | undefined;
  /** A binary heap, the most urgent on top. */
  readonly #heap: Waiting[] = [];
  #running = 0;
  #failure: unknown;
  #whenIdle = () => {};

  constructor(limit: number, signal?: AbortSignal) {
    this.#limit = limit;
    this.#signal = signal;
  }

  run<Q, R>(priority: number, job: Job<Q, R>): Promise<R> {
    return new Promise<R>((resolve, reject) => {
      const settle = (outcome: PromiseSettledResult<unknown>) => {
        if (outcome.status === "fulfilled") resolve(outcome.value as R);
        else reject(outcome.reason);
      };
      this.#push({ ...job, priority, settle });
      this.#startNext();
    });
  }

  /** Resolves when no job is in flight. */
  async idle(): Promise<void> {
    if (this.#running === 0) return;
    await new Promise<void>((resolve) => {
      this.#whenIdle = resolve;
    });
  }

  #startNext(): void {
    while (this.#running < this.#limit && this.#heap.length > 0) {
      try {
        throwIfAborted(this.#signal);
      } catch (error) {
        this.#failure ??= error;
      }
      if (this.#failure === undefined) void this.#call(this.#takeJobs());
      else this.#pop().settle({ status: "rejected", reason: this.#failure });
    }
    if (this.#running === 0) this.#whenIdle();
  }

  /** The most urgent job, and those behind it that can go with it. */
  #takeJobs(): Waiting[] {
    const most = Math.min(mostJobsOfCall, Math.ceil(this.#heap.length / this.#limit));
    const first = this.#pop();
    const jobs = [first];
    let bytes = first.size;
    while (jobs.length < most) {
      const next = this.#heap[0]!;
      bytes += next.size;
      if (next.work !== first.work || bytes > mostBytesOfCall) break;
      jobs.push(this.#pop());
    }
    return jobs;
  }

  async #call(jobs: readonly Waiting[]): Promise<void> {
    this.#running++;
    let outcomes: PromiseSettledResult<unknown>[];
    try {
      outcomes = await jobs[0]!.work(jobs.map(({ request }) => request as never));
    } catch (reason) {
      outcomes = jobs.map(() => ({ status: "rejected", reason }));
    }
    jobs.forEach(({ settle }, index) => {
      const outcome = outcomes[index]!;
      if (outcome.status === "rejected") this.#failure ??= outcome.reason;
      settle(outcome);
    });
    await undefined; // those who waited may have more to ask for
    this.#running--;
    this.#startNext();
  }

  #push(item: Waiting): void {
    const heap = this.#heap;
    let index = heap.push(item) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (heap[parent]!.priority >= item.priority) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = item;
  }

  #pop(): Waiting {
    const heap = this.#heap;
    const top = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return top;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]!.priority > heap[child]!.priority) child++;
      if (heap[child]!.priority <= last.priority) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = last;
    return top;
  }
}

/** Does one request, outside of any queue. */
export async function runAlone<Q, R>(work: Work<Q, R>, request: Q): Promise<R> {
  const [outcome] = await work([request]);
  if (outcome!.status === "rejected") throw outcome!.reason;
  return outcome!.value;
}
