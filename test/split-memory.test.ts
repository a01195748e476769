/** What a module was split into is remembered by its bytes: any that decide count. */

import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { type BuildOptions, build, FinegrainError, openStore } from "../lib";
import { digest, Workspace } from "./helpers";
import { Random } from "./random";
import { entriesOf, keyOf, memories, memoryKind } from "./store-files";

const work = new Workspace();
const source = `
     static const int table[] = {3, 1, 4, 1, 5}; static int calls;
     __attribute__((noinline)) static int one(int x) { calls++; return x + table[x & 3]; }
     __attribute__((noinline)) int two(int x) { return x * 3 + one(x); }
     int three(int x) { return "letters"[x & 7] + two(x); }
     int main(int argc, char **argv) { return (three(argc) + one(argc + 1) + calls) & 127; }`;
const bitcode = readFileSync(work.bitcode("program.c", source));

/** The output's bytes, or the code of the error. */
async function outcomeOf(bytes: Uint8Array, options: Partial<BuildOptions>) {
  const output = work.path("program");
  try {
    const inputs = [{ name: "program.bc", bytes }];
    await build({ inputs, output, units: "function", emit: "archive", ...options });
    return readFileSync(output).toString("hex");
  } catch (error) {
    if (!(error instanceof FinegrainError)) throw error;
    return error.code;
  }
}

async function filledStore(name: string, options: Partial<BuildOptions> = {}): Promise<string> {
  const cache = work.path(name);
  await outcomeOf(bitcode, { cache, ...options });
  return cache;
}

test("bitcode of which some bytes were changed at random", async () => {
  const random = new Random("changed bitcode");
  const cache = await filledStore("changed");
  let valid = 0;
  for (let round = 0; round < 3000 && valid < 15; round++) {
    const bytes = Buffer.from(bitcode);
    const at = random.below(bytes.length);
    bytes[at] = bytes[at]! ^ (1 << random.below(8));
    // LLVM's reader may crash on what is damaged: another process tries it first.
    if (!isValid(bytes)) continue;
    valid++;
    const expected = await outcomeOf(bytes, { cache: "off" });
    const where = `seed ${random.seed}: byte ${at} is ${bytes[at]}`;
    expect([where, await outcomeOf(bytes, { cache })]).toEqual([where, expected]);
    expect([where, await outcomeOf(bytes, { cache })]).toEqual([where, expected]);
  }
  expect(valid).toBe(15);
});

function isValid(bytes: Buffer): boolean {
  const options = ["-passes=default<O1>", "-disable-output"];
  return spawnSync("opt-22", options, { input: bytes }).status === 0;
}

test("bitcode whose symbol table exchanges two functions", async () => {
  const cache = await filledStore("exchanged", { emit: "executable" });
  const swapped = withTwoOffsetsExchanged(bitcode);
  const programs = [];
  for (const options of [{ cache: "off" }, { cache }]) {
    programs.push(await outcomeOf(swapped, { ...options, emit: "executable" }));
    programs.push(await outcomeOf(bitcode, { ...options, emit: "executable" }));
  }
  expect(programs[0]).not.toBe(programs[1]);
  expect(programs.slice(2)).toEqual(programs.slice(0, 2));
});

test("an edit in such bitcode", async () => {
  const statements = (k: number) =>
    Array.from({ length: 15 }, (_, i) => `sink ^= x * ${k + i};`).join(" ");
  const edited = (k: number) =>
    `volatile int sink; int one(int x) { ${statements(k)} return x; }
     int two(int x) { ${statements(3)} return x + 1; }`;
  const [before, after] = [200, 300].map((k) =>
    withTwoOffsetsExchanged(readFileSync(work.bitcode("edited.c", edited(k)))),
  );
  const cache = work.path("exchanged-edit");
  await outcomeOf(before!, { cache });
  const expected = await outcomeOf(after!, { cache: "off" });
  expect(expected).not.toBe(await outcomeOf(before!, { cache: "off" }));
  expect(await outcomeOf(after!, { cache })).toBe(expected);
});

test("an edit that takes the last use of a small function away", async () => {
  const source = (factor: number, uses: string[]) => `
    inline int tiny(int x) { return x * ${factor}; }
    inline int least(int x) { return x * ${factor + 50}; }
    extern int (*volatile chosen)(int);
    int caller${factor}(int x) { return tiny(x) + least(x); }
    ${uses.map((use, i) => `void choose${factor}${i}() { chosen = ${use}; }`).join("\n")}`;
  // Of the two modules, the first that has a function in use gives it to both.
  const second = work.bitcode("second.cc", source(9, ["tiny", "least"]));
  const output = work.path("uses.so");
  const digestAfter = async (uses: string[], cache: string) => {
    const inputs = [work.bitcode("uses.cc", source(7, uses)), second];
    await build({ inputs, output, cache, units: "function" });
    return digest(output);
  };
  const cache = work.path("last-use");
  await digestAfter(["tiny", "tiny", "least"], cache);
  for (const uses of [
    ["least", "tiny", "least"],
    ["least", "least", "least"],
    ["tiny", "least", "least"],
    ["tiny", "tiny", "tiny"],
  ])
    expect([uses, await digestAfter(uses, cache)]).toEqual([uses, await digestAfter(uses, "off")]);
});

/** Of the symbols that say where the first two functions stand. */
function withTwoOffsetsExchanged(before: Buffer): Buffer {
  const bytes = Buffer.from(before);
  const dump = execFileSync("llvm-bcanalyzer-22", ["--dump"], { input: before }).toString();
  const offsets = [...dump.matchAll(/<FNENTRY .*op1=(\d+)/g)].map(([, offset]) => Number(offset));
  const [a, b] = offsets.sort((a, b) => a - b).slice(0, 2) as [number, number];
  const [placeOfA, placeOfB] = [placeOf(a), placeOf(b)];
  put(placeOfA, b);
  put(placeOfB, a);
  return bytes;

  /** Two groups of seven bits, the lower one first, each with a bit for "more". */
  function code(offset: number): number {
    return (offset & 127) | 128 | ((offset >> 7) << 8);
  }
  function bitsAt(place: number): number {
    return (bytes.readUIntLE(place >> 3, 3) >> (place & 7)) & 0xffff;
  }
  function placeOf(offset: number): number {
    const places = Array.from({ length: 8 * bytes.length - 24 }, (_, place) => place);
    return places.findLast((place) => bitsAt(place) === code(offset))!;
  }
  function put(place: number, offset: number): void {
    const others = bytes.readUIntLE(place >> 3, 3) & ~(0xffff << (place & 7));
    bytes.writeUIntLE(others | (code(offset) << (place & 7)), place >> 3, 3);
  }
}

test("debug information that comes and goes: its module is one unit, and not simplified", async () => {
  const cache = work.path("debug");
  const simplified = [];
  for (const flags of [[], ["-g"], [], ["-g"]]) {
    const inputs = [
      {
        name: "one.bc",
        bytes: readFileSync(work.bitcode("one.c", "int one(int x) { return x; }", flags)),
      },
      { name: "program.bc", bytes: bitcode },
    ];
    const output = work.path("debug.a");
    const { simplify } = await build({ inputs, output, cache, units: "function" });
    simplified.push(simplify.lookups);
    // A remembered output would leave nothing to be remembered of the walk.
    for (const file of entriesOf(cache)) if (memoryKind(file) === "output") rmSync(file);
  }
  expect(simplified).toEqual([5, 4, 5, 4]);
});

test("sound memories with nonsense in them end no process, and are no fault of finegrain's", async () => {
  const random = new Random("nonsense");
  const edited = ["x * 5", `x * 5 + "new"[x & 3]`].map((text) =>
    readFileSync(work.bitcode("edited.c", source.replace("x * 3", text))),
  );
  for (let round = 0; round < 20; round++) {
    const cache = await filledStore(`nonsense-${round}`);
    await spoilMemories(cache, random);
    for (const bytes of [...edited, bitcode]) {
      const outcome = await outcomeOf(bytes, { cache, emit: "object" });
      expect([random.seed, round, outcome]).not.toContain("INTERNAL");
    }
  }
});

/** All but the output, of which there is nothing left to do. */
async function spoilMemories(cache: string, random: Random): Promise<void> {
  const store = openStore(cache);
  for (const file of entriesOf(cache)) {
    const kind = memoryKind(file);
    if (kind === "output") rmSync(file);
    if (!kind || kind === "output" || kind === "modules") continue;
    const key = keyOf(file);
    const [found] = await store.getMany([key], memories[kind]);
    const name = memories[kind][random.below(memories[kind].length - 1)]!; // all but the key
    if (name === "objects") continue; // it is code, and believed as all code is
    const parts = { ...found!.parts!, [name]: spoilt(found!.parts![name]!, random) };
    await store.putMany([{ key, parts }]);
  }
}

function spoilt(bytes: Uint8Array, random: Random): Uint8Array {
  if (bytes.length === 0) return random.bytes(8);
  const at = random.below(bytes.length);
  if (random.below(4) === 0) return bytes.subarray(0, at);
  if (random.below(4) === 0) return Buffer.concat([bytes, bytes]);
  return Buffer.from(bytes).fill(random.below(256), at, Math.min(bytes.length, at + 4));
}
