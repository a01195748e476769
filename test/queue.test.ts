/** The queue of jobs: urgent ones first, a few at a time, none after a failure. */

import { type Job, JobQueue, type Work } from "../lib/queue";
import { Random } from "./random";

/** A job that goes with no other in one call. */
function alone<R>(run: () => Promise<R>): Job<undefined, R> {
  return { work: () => Promise.allSettled([run()]), request: undefined, size: 0 };
}

/** Jobs that end when they are told to, and a record of those that have started. */
class Jobs {
  readonly started: string[] = [];
  readonly #ends = new Map<string, (error?: Error) => void>();

  job(name: string) {
    return alone(() => {
      this.started.push(name);
      return new Promise<string>((resolve, reject) => {
        this.#ends.set(name, (error) => (error ? reject(error) : resolve(name)));
      });
    });
  }

  async end(name: string, error?: Error): Promise<void> {
    this.#ends.get(name)!(error);
    await settled();
  }
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test("at most so many at once; the most urgent of those that wait comes next", async () => {
  const jobs = new Jobs();
  const queue = new JobQueue(2);
  const priorities = { a: 1, b: 1, low: 2, high: 9, middle: 5 };
  const results = Object.entries(priorities).map(([name, priority]) =>
    queue.run(priority, jobs.job(name)),
  );
  expect(jobs.started).toEqual(["a", "b"]);
  await jobs.end("b");
  expect(jobs.started).toEqual(["a", "b", "high"]);
  await jobs.end("a");
  await jobs.end("high");
  expect(jobs.started).toEqual(["a", "b", "high", "middle", "low"]);
  await jobs.end("low");
  await jobs.end("middle");
  expect(await Promise.all(results)).toEqual(Object.keys(priorities));
});

test("many jobs of random urgency run in its order", async () => {
  const random = new Random("queue");
  const queue = new JobQueue(1);
  const order: number[] = [];
  const first = queue.run(0, alone(settled)); // the others wait for it
  const priorities = Array.from({ length: 500 }, () => random.below(100));
  const all = priorities.map((priority) =>
    queue.run(
      priority,
      alone(async () => order.push(priority)),
    ),
  );
  await Promise.all([first, ...all]);
  expect(order).toEqual(priorities.toSorted((a, b) => b - a));
});

test("a job may add jobs", async () => {
  const queue = new JobQueue(1);
  const inner: Promise<string>[] = [];
  await queue.run(
    1,
    alone(async () =>
      inner.push(
        queue.run(
          1,
          alone(async () => "inner"),
        ),
      ),
    ),
  );
  expect(await inner[0]).toBe("inner");
});

test("after a failure nothing starts: what waits and what comes fails alike", async () => {
  const jobs = new Jobs();
  const queue = new JobQueue(2);
  const failure = new Error("this one fails");
  const failing = queue.run(1, jobs.job("failing"));
  const running = queue.run(1, jobs.job("running"));
  const outcomes = Promise.allSettled([failing, queue.run(1, jobs.job("waiting"))]);
  await jobs.end("failing", failure);
  const rejected = { status: "rejected", reason: failure };
  expect(await outcomes).toEqual([rejected, rejected]);
  await expect(queue.run(9, jobs.job("late"))).rejects.toBe(failure);
  await jobs.end("running");
  expect(await running).toBe("running");
  expect(jobs.started).toEqual(["failing", "running"]);
});

test("idle waits for what is in flight", async () => {
  const jobs = new Jobs();
  const queue = new JobQueue(1);
  await queue.idle();
  void queue.run(1, jobs.job("job"));
  let isIdle = false;
  const idle = queue.idle().then(() => {
    isIdle = true;
  });
  await settled();
  expect(isIdle).toBe(false);
  await jobs.end("job");
  await idle;
});

test("after an abort nothing starts", async () => {
  const jobs = new Jobs();
  const controller = new AbortController();
  const queue = new JobQueue(1, controller.signal);
  const running = queue.run(1, jobs.job("running"));
  const waiting = expect(queue.run(1, jobs.job("waiting"))).rejects.toMatchObject({
    code: "ABORTED",
  });
  controller.abort();
  await jobs.end("running");
  expect(await running).toBe("running");
  await waiting;
  await expect(queue.run(1, jobs.job("late"))).rejects.toMatchObject({ code: "ABORTED" });
  expect(jobs.started).toEqual(["running"]);
});

test("small jobs of one kind go together, each with an outcome of its own", async () => {
  const calls: number[][] = [];
  const work: Work<number, number> = async (requests) => {
    calls.push([...requests]);
    await settled();
    return requests.map((n) => ({ status: "fulfilled", value: 2 * n }));
  };
  const queue = new JobQueue(1);
  const jobs = Array.from({ length: 30 }, (_, n) => queue.run(0, { work, request: n, size: 10 }));
  const large = queue.run(-1, { work, request: 100, size: 1e6 });
  expect(await Promise.all(jobs)).toEqual(jobs.map((_, n) => 2 * n));
  expect(await large).toBe(200);
  expect(calls.length).toBeLessThan(10);
  expect(calls.at(-1)).toEqual([100]);
});
