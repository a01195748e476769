/**
 * A program of C and C++ files is edited at random, over and over. After each
 * edit, a build that takes from the cache what it can is the same to the byte
 * as one without a cache, at whatever level; and the program does what clang's
 * does. FINEGRAIN_EDITS sets how many edits, FINEGRAIN_SEED which.
 */

import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { type BuildReport, build, type Level } from "../lib";
import { clangAsync, run, Workspace } from "./helpers";
import { Random } from "./random";
import { randomEdit, randomProgram } from "./random-edits/edits";
import { type Program, sourcesOf } from "./random-edits/program";

const count = Number(process.env.FINEGRAIN_EDITS ?? 100);
const levels: Level[] = ["O1", "O2", "O3", "Os"];
const work = new Workspace();
const link = { args: ["-lstdc++", "-lm"] };

interface Version {
  what: string;
  level: Level;
  sources: Map<string, string>;
  inputs: string[];
}

test(
  `${count} random edits`,
  async () => {
    const random = new Random("random edits");
    let program = randomProgram(random);
    let level = levels[random.below(4)]!;
    const earlier: Program[] = [];
    for (let edit = 0; edit <= count; edit++) {
      const what = edit === 0 ? "the program" : change();
      const sources = sourcesOf(program);
      const version = { what, level, sources, inputs: await bitcodeOf(sources) };
      await attempt(version, `seed ${random.seed}, edit ${edit}`, edit % 5 === 0);
    }

    /** Mostly an edit; now and then everything is as it was some edits ago. */
    function change(): string {
      if (random.below(4) === 0) level = levels[random.below(4)]!;
      if (earlier.length > 8) earlier.shift();
      earlier.push(structuredClone(program));
      if (random.below(16) > 0) return randomEdit(random, program);
      program = structuredClone(earlier[0]!);
      return "back to an earlier program";
    }
  },
  count * 6_000 + 60_000,
);

/** Fails with the way to repeat it, and keeps the sources. */
async function attempt(version: Version, where: string, runs: boolean): Promise<void> {
  try {
    await check(version, runs);
  } catch (cause) {
    const kept = mkdtempSync(path.join(os.tmpdir(), "finegrain-random-edits-"));
    for (const [name, text] of version.sources) writeFileSync(path.join(kept, name), text);
    const { what, level } = version;
    throw new Error(`${where} (${what}), -${level}, sources in ${kept}: ${cause}`, { cause });
  }
}

const built = new Set<string>();

async function check({ level, sources, inputs }: Version, runs: boolean): Promise<void> {
  const output = work.path("incremental");
  const other = work.path("cold");
  const common = { inputs, level, units: "function", threads: 2, link } as const;
  const report = await build({ ...common, output, cache: work.path("cache") });
  expect(report).toMatchObject({ wholeModules: [], warnings: [], cache: { bad: 0, errors: 0 } });
  await build({ ...common, output: other, cache: "off" });
  expect(readFileSync(output).equals(readFileSync(other))).toBe(true);

  const version = JSON.stringify([level, ...sources.values()]);
  if (built.has(version)) expectAllHits(report);
  built.add(version);
  if (runs) expect(run(output)).toEqual(await clangs(inputs));
}

function expectAllHits({ cache, simplify }: BuildReport): void {
  expect(cache).toMatchObject({ misses: 0, addedBytes: 0 });
  expect(simplify.hits).toBe(simplify.lookups);
}

async function clangs(inputs: string[]) {
  const program = work.path("clang");
  await clangAsync(["-O2", ...inputs, ...link.args, "-o", program]);
  const result = run(program);
  expect(result).toMatchObject({ status: 0, stderr: "" });
  return result;
}

const compiled = new Map<string, string>();

/** The unoptimised bitcode of each source. Those that did not change are not compiled again. */
function bitcodeOf(sources: Map<string, string>): Promise<string[]> {
  return Promise.all(
    [...sources].map(async ([name, text]) => {
      const output = work.path(`${name}.bc`);
      if (compiled.get(name) === text) return output;
      const frontendOnly = ["-O2", "-fPIC", "-Xclang", "-disable-llvm-passes", "-emit-llvm", "-c"];
      await clangAsync(["-w", ...frontendOnly, work.write(name, text), "-o", output]);
      compiled.set(name, text);
      return output;
    }),
  );
}
