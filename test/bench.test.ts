/** Benchmarks run and check what they build; how long that takes is no matter here. */

import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { figuresOf } from "../lib/bench/rounds";
import { finegrain, Workspace } from "./helpers";

const work = new Workspace();
const edited = "int add(int x) { return x + 41; } int twice(int x) { return add(x) * 2; }";

describe("finegrain bench", () => {
  const run = (...args: string[]) => {
    const inputs = [
      work.bitcode("a.c", edited),
      work.bitcode("b.c", "int one(void) { return 1; }"),
    ];
    return finegrain(["bench", ...inputs, "--rounds", "1", "--threads", "1", ...args]);
  };

  test("measures every scenario, and says who is not there", () => {
    const { status, stdout, stderr } = run("--no-peers", "--json");
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const { results, failures, absent, modules, functions, baseline } = JSON.parse(stdout);
    expect({ modules, functions, baseline }).toEqual({
      modules: 2,
      functions: 3,
      baseline: "finegrain, 1 thread",
    });
    const scenarios = results.map(({ scenario }: { scenario: string }) => scenario);
    expect(scenarios).toEqual([
      "cold",
      "cache off",
      "all hits",
      "all hits, linked again",
      "one-function edit",
      "header-wide edit",
    ]);
    for (const { wall, cpu, peak, ratio } of results)
      for (const figure of [wall.median, cpu.median, peak.median, ratio.wall])
        expect(figure).toBeGreaterThan(0);
    const hits = results.map(({ counts }: { counts: { hits: number } }) => counts.hits);
    expect(hits).toEqual([0, 0, 3, 3, 1, 0]);
    expect(failures).toEqual([]);
    expect(absent.map(({ name }: { name: string }) => name)).toContain("ccache, sccache");
  });

  test("prints a table, with clang in it", () => {
    const { status, stdout } = run();
    expect(status).toBe(0);
    expect(stdout).toMatch(/^\| cold \| clang \|/m);
    expect(stdout).toMatch(/^\| one-function edit \|/m);
    expect(stdout).not.toContain(work.folder);
  });

  test("an input that is none is an error", () => {
    const file = work.write("text.bc", "\u0000nothing");
    const { status, stderr } = finegrain(["bench", file]);
    expect(status).toBe(1);
    expect(stderr).toMatch(/\[INVALID_INPUT\]\n$/);
    expect(finegrain(["bench", file, "--threads", "x"]).status).toBe(2);
  });
});

test("a ratio is the median of those within the rounds", () => {
  const samples = (...seconds: number[]) =>
    seconds.map((time) => ({ wall: time, cpu: time, peak: 1, stdout: "" }));
  const { cpu, ratio } = figuresOf(samples(2, 20, 10), samples(1, 2, 10));
  expect({ median: cpu.median, ratio }).toEqual({ median: 10, ratio: { wall: 2, cpu: 2 } });
});

test("the short run of our own benchmarks measures all and writes tables and plots", () => {
  const main = path.join(__dirname, "../bench/main.mjs");
  const args = ["--short", "--rounds", "1", "--out", work.path("out")];
  execFileSync(process.execPath, [main, ...args], { stdio: ["ignore", "inherit", "ignore"] });
  const written = readdirSync(work.path("out"));
  for (const name of ["edits", "growth-image", "growth-module", "hits", "memory-image", "phases"])
    expect(written).toEqual(expect.arrayContaining([`${name}.svg`, `${name}.png`]));
  const page = readFileSync(work.path("out/benchmarks.md"), "utf8");
  for (const title of ["## Cold builds", "## How fast the code runs"])
    expect(page).toContain(title);
  expect(page).not.toMatch(/NaN|undefined|\/tmp\//);
  const figures = readFileSync(work.path("out/results.json"), "utf8");
  const [first] = JSON.parse(figures).contests[0].results;
  expect(figures.split("\n").map((line) => line.trim())).toContain(`${JSON.stringify(first)},`);
});
