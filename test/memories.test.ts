/**
 * Builds remember how earlier ones went. Programs, their edits and options take
 * turns in one store, which loses entries, has damaged ones, and ones that speak
 * of other builds: the output is that of a build without a store, to the byte.
 * FINEGRAIN_ROUNDS sets how many builds, FINEGRAIN_SEED which.
 */

import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { type BuildOptions, build, type Emit, type Input, type Level, openStore } from "../lib";
import { clangAsync, Workspace } from "./helpers";
import { Random } from "./random";
import { randomEdit, randomProgram } from "./random-edits/edits";
import { sourcesOf } from "./random-edits/program";
import {
  entriesOf,
  keyOf,
  type MemoryKind,
  memories,
  memoryKind,
  memoryKinds,
} from "./store-files";

const rounds = Number(process.env.FINEGRAIN_ROUNDS ?? 60);
const work = new Workspace();
const cache = work.path("cache");
const random = new Random("memories");
const pick = <T>(items: readonly T[]): T => items[random.below(items.length)]!;

/** One state of one program, by file. */
type Version = Map<string, string>;
const programs = [randomProgram(random), randomProgram(random)];
const versions: Version[] = programs.map(sourcesOf);

const levels: Level[] = ["O1", "O2"];
const emits: Emit[] = ["archive", "executable", "object", "shared"];

test(
  `${rounds} builds`,
  async () => {
    const done: string[] = [];
    try {
      for (let round = 0; round < rounds; round++) {
        if (random.below(3) === 0) edit();
        const version = random.below(3) === 0 ? pick(versions) : versions.at(-1)!;
        const options = {
          level: pick(levels),
          emit: pick(emits),
          codegenOnly: random.below(6) === 0,
        };
        const what = random.below(2) === 0 ? await spoil() : "nothing";
        done.push(`${what}, then version ${versions.indexOf(version)}, ${JSON.stringify(options)}`);
        await check(version, options);
      }
    } catch (cause) {
      throw new Error(`seed ${random.seed}: ${done.slice(-4).join("; ")}: ${cause}`, { cause });
    }
  },
  rounds * 6_000 + 60_000,
);

function edit(): void {
  const program = pick(programs);
  randomEdit(random, program);
  versions.push(sourcesOf(program));
}

const expected = new Map<string, Buffer>();

async function check(version: Version, options: Partial<BuildOptions>) {
  const link = { args: ["-lstdc++", "-lm"].slice(options.emit === "object" ? 2 : 0) };
  const output = work.path("output");
  const inputs = await inputsOf(version);
  const common = { ...options, inputs, output, link, units: "function" } as const;
  const report = await build({ ...common, cache });
  expect(report).toMatchObject({ warnings: [], wholeModules: [], cache: { errors: 0 } });
  const bytes = readFileSync(output);
  const id = JSON.stringify([versions.indexOf(version), options]);
  if (!expected.has(id)) {
    await build({ ...common, cache: "off" });
    expected.set(id, readFileSync(output));
  }
  expect(bytes.equals(expected.get(id)!)).toBe(true);
}

const compiled = new Map<string, Buffer>();

function inputsOf(version: Version): Promise<Input[]> {
  return Promise.all(
    [...version].map(async ([name, text]) => {
      const output = work.path(`${name}.bc`);
      if (!compiled.has(text)) {
        const file = work.write(name, text);
        const frontendOnly = ["-O2", "-fPIC", "-Xclang", "-disable-llvm-passes", "-emit-llvm"];
        await clangAsync(["-w", ...frontendOnly, "-c", file, "-o", output]);
        compiled.set(text, readFileSync(output));
      }
      return { name, bytes: compiled.get(text)! };
    }),
  );
}

/** Does something to the store, and says what. */
async function spoil(): Promise<string> {
  const what = pick(["lost", "lost code", "damaged", "exchanged"]);
  const entries = entriesOf(cache);
  const rate = pick([2, 5, 50]);
  const chosen = entries.filter(() => random.below(rate) === 0);
  if (what === "exchanged") await exchange(entries, pick(memoryKinds));
  for (const file of chosen) {
    if (what === "damaged") damage(file);
    if (what === "lost" || (what === "lost code" && !memoryKind(file))) rmSync(file);
  }
  return what;
}

function damage(file: string): void {
  const content = readFileSync(file);
  if (content.length === 0) return; // cut before, and nothing is left to damage
  const at = random.below(content.length);
  const isCut = random.below(2) === 0;
  writeFileSync(file, isCut ? content.subarray(0, at) : content.fill(~content[at]!, at, at + 1));
}

/** Puts the contents of memories under other memories' keys, as sound entries. */
async function exchange(entries: string[], kind: MemoryKind): Promise<void> {
  const store = openStore(cache);
  const keys = entries.filter((file) => memoryKind(file) === kind).map(keyOf);
  const found = await store.getMany(keys, memories[kind]);
  const sound = found.flatMap(({ parts }, i) => (parts ? [{ key: keys[i]!, parts }] : []));
  const others = random.shuffled(sound);
  await store.putMany(sound.map(({ key }, i) => ({ key, parts: others[i]!.parts })));
}
