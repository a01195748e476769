/** Builds that are stopped, and builds whose thread is. */

import { mkdirSync, readdirSync } from "node:fs";
import { type BuildOptions, build } from "../lib";
import { runScript, Workspace } from "./helpers";

const work = new Workspace();
mkdirSync(work.path("out"));

/** Takes some 50 ms to compile. */
const loops = (name: string) => `
  void ${name}(double *restrict a, const double *restrict b, int n) {
    ${Array.from({ length: 60 }, (_, i) => `for (int i = 0; i < n; i++) a[i] += b[i] * ${i} + a[i + ${i}];`).join("\n")}
  }`;
const inputs = Array.from({ length: 12 }, (_, i) =>
  work.bitcode(`loops${i}.c`, loops(`loops${i}`)),
);
const options: BuildOptions = { inputs, output: work.path("out", "loops.so"), cache: "off" };

async function stopped(change: Partial<BuildOptions>): Promise<void> {
  await expect(build({ ...options, ...change })).rejects.toMatchObject({
    name: "FinegrainError",
    code: "ABORTED",
  });
}

const settled = () => new Promise((resolve) => setTimeout(resolve, 500));

test("a signal that has aborted already starts nothing", async () => {
  const phases: string[] = [];
  await stopped({ signal: AbortSignal.abort(), onProgress: ({ phase }) => phases.push(phase) });
  await settled();
  expect(phases).toEqual([]);
  expect(readdirSync(work.path("out"))).toEqual([]);
});

test.each(["split", "emit"] as const)("aborting during %s rejects at once", async (phase) => {
  const abort = new AbortController();
  let aborted = 0;
  let done = 0;
  const onProgress: BuildOptions["onProgress"] = (event) => {
    if (event.phase === "emit") done++;
    if (event.phase !== phase || aborted) return;
    aborted = performance.now();
    abort.abort();
  };
  await stopped({ signal: abort.signal, onProgress, threads: 2 });
  expect(performance.now() - aborted).toBeLessThan(200);
  await settled();
  // Only what was in flight has still been compiled.
  expect(done).toBeLessThanOrEqual(3);
  expect(readdirSync(work.path("out"))).toEqual([]);
});

test("a timeout stops a build and is its cause", async () => {
  await expect(build({ ...options, signal: AbortSignal.timeout(30) })).rejects.toMatchObject({
    code: "ABORTED",
    cause: { name: "TimeoutError" },
  });
  await settled();
  expect(readdirSync(work.path("out"))).toEqual([]);
});

test("a signal that never aborts changes nothing", async () => {
  const { signal } = new AbortController();
  const report = await build({ ...options, inputs: inputs.slice(0, 1), signal });
  expect(report.units).toBe(1);
});

test.each([
  ["already", "const signal = AbortSignal.abort();"],
  ["in time", "const signal = AbortSignal.timeout(30);"],
])("a process that catches the error of a signal aborted %s ends well", (_, signal) => {
  const script = `${signal}
    const options = ${JSON.stringify(options)};
    finegrain.build({ ...options, signal }).catch((error) => console.log(error.code));`;
  expect(runScript(script)).toEqual({ status: 0, stdout: "ABORTED\n", stderr: "" });
});

const workerScript = (body: string) => `
  const { Worker } = require("node:worker_threads");
  const library = require.resolve(${JSON.stringify(require.resolve("../dist/index.js"))});
  const options = ${JSON.stringify({ ...options, output: work.path("worker.so") })};
  const inWorker = "require(" + JSON.stringify(library) + ").build(" + JSON.stringify(options) + ")" +
    ".then(({ units }) => require('node:worker_threads').parentPort.postMessage(units))";
  const start = () => new Worker(inWorker, { eval: true });
  ${body}`;

test("workers build, at the same time as the main thread", () => {
  const script = workerScript(`
    const units = (worker) => new Promise((resolve, reject) =>
      worker.once("message", resolve).once("error", reject));
    Promise.all([units(start()), finegrain.build(options).then((r) => r.units), units(start())])
      .then((all) => console.log(all.join()));`);
  expect(runScript(script)).toEqual({ status: 0, stdout: "12,12,12\n", stderr: "" });
});

test("ending a worker with jobs under way does not end the process", () => {
  const script = workerScript(`
    (async () => {
      for (const delay of [60, 100, 150, 250, 400]) {
        const worker = start();
        await new Promise((resolve) => setTimeout(resolve, delay));
        await worker.terminate();
      }
      const { units } = await finegrain.build(options);
      console.log(units);
    })();`);
  expect(runScript(script)).toEqual({ status: 0, stdout: "12\n", stderr: "" });
});
