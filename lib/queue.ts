/**
 * Runs jobs with at most `limit` of them in flight, the most urgent of those that
 * wait first. After the first failure no job is started any more.
 */

import { throwIfAborted } from "./schedule";

interface Waiting {
  priority: number;
  start: () => void;
  fail: (error: unknown) => void;
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

  run<T>(priority: number, job: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const start = () => {
        this.#running++;
        job()
          .then(resolve, (error) => {
            this.#failure ??= error;
            reject(error);
          })
          .finally(() => {
            this.#running--;
            this.#startNext();
          });
      };
      this.#push({ priority, start, fail: reject });
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
      const next = this.#pop();
      try {
        throwIfAborted(this.#signal);
      } catch (error) {
        this.#failure ??= error;
      }
      if (this.#failure === undefined) next.start();
      else next.fail(this.#failure);
    }
    if (this.#running === 0) this.#whenIdle();
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
