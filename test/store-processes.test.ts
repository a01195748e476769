/** A store that several processes use, that are killed or find the disk full. */

import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { build } from "../lib";
import { clang, digest, Workspace } from "./helpers";
import { Random } from "./random";

const work = new Workspace();
const main = path.join(__dirname, "../dist/cli/main.js");

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
  await build({ inputs, output, cache: "off" });
  right = digest(output);
});

/** Starts a build in a process of its own. */
function start(to: string, cache: string) {
  const args = [main, "build", ...inputs, "-o", to, "--cache", cache, "--json"];
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

test("a killed build has kept what it had done, and damaged nothing", async () => {
  const random = new Random("killed builds");
  const cache = work.path("killed");
  let kept = 0;
  for (let round = 0; round < 10; round++) {
    const { child, ended } = start(work.path("killed.so"), cache);
    while (!existsSync(cache)) await sleep(2);
    await sleep(random.below(300));
    child.kill("SIGKILL");
    await ended;

    const report = await build({ inputs, output, cache });
    expect(report.cache).toMatchObject({ bad: 0, errors: 0 });
    expect(digest(output)).toBe(right);
    kept += report.cache.hits;
    rmSync(cache, { recursive: true });
  }
  expect(kept).toBeGreaterThan(0);
});

test("two processes build into one store at once", async () => {
  const cache = work.path("shared");
  const outputs = ["one.so", "two.so"].map((name) => work.path(name));
  const ended = await Promise.all(outputs.map((to) => start(to, cache).ended));
  for (const { status, stdout } of ended) {
    expect(status).toBe(0);
    expect(JSON.parse(stdout).cache).toMatchObject({ bad: 0, errors: 0 });
  }
  expect(outputs.map(digest)).toEqual([right, right]);
  const report = await build({ inputs, output, cache });
  expect(report.cache).toMatchObject({ hits: inputs.length, bad: 0, errors: 0 });
});

test("a full disk costs hits only", async () => {
  const disk = work.path("disk");
  mkdirSync(disk);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "none", disk], { stdio: "pipe" });
  } catch (error) {
    console.warn(`not tested, since mounting a small disk failed: ${(error as Error).message}`);
    return;
  }
  try {
    const cache = path.join(disk, "store");
    const cold = await build({ inputs, output, cache });
    expect(digest(output)).toBe(right);
    expect(cold.cache.errors).toBeGreaterThan(0);
    expect(cold.warnings).toEqual([expect.stringMatching(/^cache: .*No space left/)]);

    const warm = await build({ inputs, output, cache });
    expect(digest(output)).toBe(right);
    // The memory of the output had no place either.
    const unitErrors = cold.cache.errors - 1;
    expect(warm.cache).toMatchObject({ hits: inputs.length - unitErrors, bad: 0 });
  } finally {
    execFileSync("umount", [disk]);
  }
});
