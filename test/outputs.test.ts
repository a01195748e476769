/** Every kind of output is what its name says, and the tools for it take it. */

import { mkdirSync, readdirSync } from "node:fs";
import { build, type Emit, Image } from "../lib";
import { clang, digest, type RunResult, run, Workspace } from "./helpers";

const work = new Workspace();
const inputs = [
  work.bitcode(
    "main.c",
    `#include <stdio.h>
     int triple(int);
     extern int calls;
     int main(int argc, char **argv) {
       printf("%d\\n", triple(argc + 13));
       return calls;
     }`,
  ),
  work.bitcode("triple.c", "int calls; int triple(int x) { calls++; return 3 * x; }"),
];
const [mainInput, tripleInput] = inputs as [string, string];
const cache = work.path("cache");

const asExpected: RunResult = { status: 1, stdout: "42\n", stderr: "" };

/** Links with clang, runs, and says how that went. */
function linkAndRun(...args: string[]): RunResult {
  const program = work.path("linked");
  clang([...args, "-o", program]);
  return run(program);
}

function members(archive: string): string[] {
  return run("llvm-ar-22", ["t", archive]).stdout.split("\n").filter(Boolean);
}

/** Unpacks an archive into a folder and returns the members' paths. */
function unpack(archive: string): string[] {
  run("llvm-ar-22", ["x", archive], { cwd: work.folder });
  return members(archive).map((name) => work.path(name));
}

const endings: [string, Emit][] = [
  [".so", "shared"],
  ["", "executable"],
  [".o", "object"],
  [".a", "archive"],
  [".s", "asm"],
  [".bc", "bitcode"],
];

test.each(endings)("the ending '%s' means %s", async (ending, emit) => {
  const byEnding = work.path(`output${ending}`);
  const byOption = work.path(`other-${emit}.out`);
  await build({ inputs, output: byEnding, cache });
  await build({ inputs, output: byOption, emit, cache });
  expect(digest(byEnding)).toBe(digest(byOption));
});

test("shared: programs link with it", async () => {
  const library = work.path("libtriple.so");
  await build({ inputs: [tripleInput], output: library, cache });
  expect(linkAndRun(mainInput, library, `-Wl,-rpath,${work.folder}`)).toEqual(asExpected);
});

test("executable: runs", async () => {
  const output = work.path("program");
  await build({ inputs, output, cache });
  expect(run(output)).toEqual(asExpected);
});

test("object: one relocatable file of all modules", async () => {
  const output = work.path("all.o");
  await build({ inputs, output, cache });
  expect(run("llvm-readelf-22", ["-h", output]).stdout).toMatch(/Type: +REL/);
  expect(linkAndRun(output)).toEqual(asExpected);
});

test("archive: has an index, and neither dates nor owners", async () => {
  const output = work.path("libtriple.a");
  await build({ inputs: [tripleInput], output, cache });
  expect(linkAndRun(mainInput, output)).toEqual(asExpected);
  expect(run("llvm-ar-22", ["tvO", output], { env: { TZ: "UTC" } }).stdout).toMatch(
    /^rw-r--r-- 0\/0 .* Jan +1 00:00 1970 triple\.bc\.o/,
  );
});

test("asm: clang assembles it; several modules come in an archive", async () => {
  const single = work.path("triple.s");
  await build({ inputs: [tripleInput], output: single, cache });
  expect(linkAndRun(mainInput, single)).toEqual(asExpected);

  const several = work.path("all.s");
  await build({ inputs, output: several, cache });
  expect(members(several)).toEqual(["main.bc.s", "triple.bc.s"]);
  expect(linkAndRun(...unpack(several))).toEqual(asExpected);
});

test("bitcode: optimised, under the link names, and an input again", async () => {
  const single = work.path("triple-out.bc");
  await build({ inputs: [tripleInput], output: single, cache });
  const text = run("llvm-dis-22", ["-o", "-", single]).stdout;
  expect(text).toMatch(/@calls = .*global i32 0/);
  expect(text).toMatch(/define .*i32 @triple\(i32/);
  expect(text).not.toContain("alloca");

  const several = work.path("all.bc");
  await build({ inputs, output: several, cache });
  expect(members(several)).toEqual(["main.bc.bc", "triple.bc.bc"]);
  for (const again of [[mainInput, single], [several]]) {
    const output = work.path("again");
    await build({ inputs: again, output, codegenOnly: true, cache });
    expect(run(output)).toEqual(asExpected);
  }
});

test("bitcode: a second pass through finegrain gives the same code", async () => {
  const optimised = work.path("optimised.bc");
  const [direct, later] = [work.path("direct.o"), work.path("later.o")];
  await build({ inputs: [tripleInput], output: optimised, cache });
  await build({ inputs: [tripleInput], output: direct, cache });
  await build({ inputs: [optimised], output: later, codegenOnly: true, cache });
  expect(digest(later)).toBe(digest(direct));
});

test("image: has its functions and slots by name", async () => {
  const output = work.path("image.so");
  const slot = work.bitcode("slot.c", "void *slot = 0; void *read_slot(void) { return slot; }");
  await build({ inputs: [tripleInput, slot], output, emit: "image", cache });
  const image = Image.open(output);
  expect(image.functionNames).toEqual(["triple", "read_slot"]);
  expect(image.slotNames).toEqual(["slot"]);
  expect(image.functionPointer("triple")).not.toBe(image.functionPointer("read_slot"));
  image.writeSlot("slot", 0xfedcba9876543210n);
  expect(image.readSlot(0)).toBe(0xfedcba9876543210n);
  image.close();
});

test.each(["asm", "bitcode"] as const)("%s comes from the cache the second time", async (emit) => {
  const options = { inputs, emit, cache: work.path(`cache-${emit}`) };
  const [cold, warm] = [work.path(`cold-${emit}`), work.path(`warm-${emit}`)];
  const first = await build({ ...options, output: cold });
  expect(first.cache).toMatchObject({ lookups: 2, hits: 0 });
  const second = await build({ ...options, output: warm });
  expect(second.cache).toMatchObject({ lookups: 2, hits: 2, addedBytes: 0 });
  expect(digest(warm)).toBe(digest(cold));

  // These outputs spell the names out, so a renamed function is other code.
  const renamed = work.bitcode(
    "renamed.c",
    "int calls; int thrice(int x) { calls++; return 3 * x; }",
  );
  const third = await build({
    ...options,
    inputs: [renamed],
    output: work.path(`renamed-${emit}`),
  });
  expect(third.cache).toMatchObject({ lookups: 1, hits: 0 });
});

test("an object for another target", async () => {
  const source = "int triple(int x) { return 3 * x; }";
  const own = work.bitcode("arm.c", source, ["--target=aarch64-linux-gnu"]);
  const output = work.path("arm.o");
  for (const target of [undefined, "aarch64-unknown-linux-gnu"]) {
    await build({ inputs: [own], output, target, cache });
    expect(run("llvm-readelf-22", ["-h", output]).stdout).toMatch(/Machine: +AArch64/);
    expect(run("llvm-objdump-22", ["-d", output]).stdout).toMatch(
      /<triple>:\n.*add\tw0, w0, w0, lsl #1/,
    );
  }
});

test("nothing but the output is left beside it", async () => {
  mkdirSync(work.path("clean"));
  for (const emit of ["executable", "bitcode"] as const)
    await build({ inputs, output: work.path("clean", emit), emit, cache });
  expect(readdirSync(work.path("clean")).sort()).toEqual(["bitcode", "executable"]);
});
