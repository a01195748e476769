/** Stores that several processes use, that are killed or find the disk full or locked. */

import { execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { build, openStore } from "../lib";
import { clang, digest, unitsOnly, Workspace } from "./helpers";
import { Random } from "./random";
import { withDisk } from "./small-disk";

const work = new Workspace();
const main = path.join(__dirname, "../dist/cli.js");

/** Modules of one text but for a number: each takes some 20 ms to compile. */
function modules(count: number): string[] {
  const loops = Array.from(
    { length: 4 },
    (_, i) => `for (int i = 0; i < n; i++) a[i] += b[i] * ${i} + a[i + ${i}] + 424242;`,
  );
  const source = `void f424242(int *restrict a, const int *restrict b, int n) { ${loops.join("\n")} }`;
  const text = work.path("loops.ll");
  const frontendOnly = ["-O2", "-fPIC", "-Xclang", "-disable-llvm-passes"];
  const flags = [...frontendOnly, "-S", "-emit-llvm", work.write("loops.c", source), "-o", text];
  clang(flags);
  const template = readFileSync(text, "utf8");
  return Array.from({ length: count }, (_, i) =>
    work.write(`loops${i}.ll`, template.replaceAll("424242", String(1000 + i))),
  );
}

const inputs = modules(30);
const output = work.path("loops.so");
let right: string;
beforeAll(async () => {
  await build({ inputs, output, cache: "off", ...unitsOnly });
  right = digest(output);
});

/** Starts a build in a process of its own. */
function start(to: string, cache: string) {
  const args = [
    main,
    "build",
    ...inputs,
    "-o",
    to,
    "--cache",
    cache,
    "--json",
    "--",
    "--build-id=none",
  ];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  let stdout = "";
  child.stdout.on("data", (text) => {
    stdout += text;
  });
  const ended = new Promise<{ status: number | null; stdout: string }>((resolve) =>
    child.on("close", (status) => resolve({ status, stdout })),
  );
  return { child, ended };
}

const kinds: [string, (folder: string) => string][] = [
  ["file", (folder) => `file:${folder}`],
  ["SQLite", (folder) => `sqlite:${folder}/cache.db`],
];

const allKinds: typeof kinds = [...kinds, ["CAS", (folder) => `cas:${folder}`]];

test.each(allKinds)(
  "killed builds have kept what they had done in a %s store",
  async (kind, urlOf) => {
    const random = new Random(`killed builds, ${kind}`);
    let kept = 0;
    for (let round = 0; round < 20; round++) {
      const folder = work.path(`killed-${kind}-${round}`);
      const { child, ended } = start(work.path("killed.so"), urlOf(folder));
      while (!existsSync(folder)) await sleep(2);
      await sleep(random.below(300));
      child.kill("SIGKILL");
      await ended;

      const report = await build({ inputs, output, cache: urlOf(folder), ...unitsOnly });
      expect(report.cache).toMatchObject({ bad: 0, errors: 0 });
      expect(digest(output)).toBe(right);
      kept += report.cache.hits;
    }
    expect(kept).toBeGreaterThan(0);
  },
);

test.each(allKinds)("eight processes build into one %s store at once", async (kind, urlOf) => {
  const cache = urlOf(work.path(`shared-${kind}`));
  const outputs = Array.from({ length: 8 }, (_, i) => work.path(`shared${i}.so`));
  const ended = await Promise.all(outputs.map((to) => start(to, cache).ended));
  for (const { status, stdout } of ended) {
    expect(status).toBe(0);
    expect(JSON.parse(stdout).cache).toMatchObject({ bad: 0, errors: 0 });
  }
  expect(new Set(outputs.map(digest))).toEqual(new Set([right]));
  const report = await build({ inputs, output, cache, ...unitsOnly });
  expect(report.cache).toMatchObject({ hits: inputs.length, bad: 0, errors: 0 });
});

async function outcomeOf(cache: string) {
  const report = await build({ inputs, output, cache, ...unitsOnly });
  expect(digest(output)).toBe(right);
  return { ...report.cache, warnings: report.warnings };
}

describe.each(kinds)("a %s store", (kind, urlOf) => {
  test("on a disk that is full costs hits only", () =>
    withDisk(work.path(`full-${kind}`), "256k", async (disk) => {
      const filler = path.join(disk, "filler");
      writeFileSync(filler, Buffer.alloc(200 * 1024));
      const cache = urlOf(path.join(disk, "store"));
      const cold = await outcomeOf(cache);
      expect(cold.errors).toBeGreaterThan(0);
      expect(cold.warnings).toEqual([
        expect.stringMatching(/^cache: .*(No space left|disk.*full)/),
      ]);
      expect(await outcomeOf(cache)).toMatchObject({ bad: 0 });

      rmSync(filler);
      const roomy = `${cache}?cache_size_bytes=100k`;
      for (let times = 0; times < 2; times++) await outcomeOf(roomy);
      expect(await outcomeOf(roomy)).toMatchObject({ bad: 0 });
    }));

  test("that is read-only serves what it has", () =>
    withDisk(work.path(`read-only-${kind}`), "16m", async (disk) => {
      const cache = urlOf(path.join(disk, "store"));
      const some = { inputs: inputs.slice(0, 10), output: work.path("some.so"), cache };
      expect((await build(some)).cache).toMatchObject({ errors: 0 });
      execFileSync("mount", ["-o", "remount,ro", disk]);
      const { hits, errors, bad, warnings } = await outcomeOf(cache);
      expect({ bad, told: warnings.length }).toEqual({ bad: 0, told: 1 });
      expect(errors).toBeGreaterThan(0);
      if (kind === "file") expect(hits).toBe(10);
      execFileSync("mount", ["-o", "remount,rw", disk]);
      expect(await outcomeOf(cache)).toMatchObject({ hits: 10, bad: 0, errors: 0 });
    }));
});

/** Runs the text of an async function in eight processes at once: none may fail. */
async function inEightProcesses(body: string, ...args: string[]): Promise<void> {
  const library = JSON.stringify(path.join(__dirname, "../dist/index.js"));
  const code = `
    const { openStore } = require(${library});
    const { randomBytes } = require("node:crypto");
    const entry = () => ({ key: randomBytes(32), parts: { object: randomBytes(3000) } });
    (async () => {${body}})();`;
  const children = Array.from({ length: 8 }, () =>
    spawn(process.execPath, ["-e", code, ...args], { stdio: "inherit" }),
  );
  await Promise.all(children.map((child) => new Promise((resolve) => child.on("close", resolve))));
  expect(children.map(({ exitCode }) => exitCode)).toEqual(Array(8).fill(0));
}

test.each(allKinds)("eight processes open a new %s store at once", async (kind, urlOf) => {
  const stores = Array.from({ length: 20 }, (_, i) => urlOf(work.path(`new-${kind}-${i}/a/b/c`)));
  const body = `
    const [start, ...urls] = process.argv.slice(1);
    for (let round = 0; round < urls.length; round++) {
      while (Date.now() < Number(start) + 30 * round) {}
      const store = openStore(urls[round]);
      const { errors } = await store.putMany([entry()]);
      if (errors.length > 0) throw new Error(errors[0]);
      await store.close();
    }`;
  await inEightProcesses(body, String(Date.now() + 1500), ...stores);
});

test("a limit holds while eight processes write", async () => {
  const limit = 300 * 1024;
  const folder = work.path("limited");
  const url = `file:${folder}?cache_size_bytes=${limit}`;
  const body = `
    const store = openStore(process.argv[1]);
    for (let i = 0; i < 60; i++) await store.putMany([entry(), entry()]);
    await store.close();`;
  await inEightProcesses(body, url);
  const store = openStore(url);
  // Whoever writes next ends what the last ones have left to do.
  const entry = () => ({ key: randomBytes(32), parts: { object: randomBytes(3000) } });
  for (let i = 0; i < 10 && (await store.stats!()).bytes > limit * 1.1; i++) {
    await store.putMany([entry()]);
    // It is in the background: the disk may be slow.
    const late = Date.now() + 5_000;
    while ((await store.stats!()).bytes > limit * 1.1 && Date.now() < late) await sleep(20);
  }
  const { bytes, entries, totals } = await store.stats!();
  expect(bytes).toBeLessThanOrEqual(limit * 1.1);
  expect(totals.evicted).toBeGreaterThan(0);
  expect(await store.verify!()).toMatchObject({ entries, bad: 0 });
  await store.close!();
});
