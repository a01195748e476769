/** compile() and split(): one module in memory, with neither store nor linker. */

import { readFileSync, writeFileSync } from "node:fs";
import { build, compile, split } from "../lib";
import { clang, run, Workspace } from "./helpers";

const work = new Workspace();
const source = `
int calls;
__attribute__((noinline)) static int doubled(int x) { return 2 * x; }
int triple(int x) { calls++; return doubled(x) + x; }
`;
const input = work.bitcode("triple.c", source);
const main = work.bitcode("main.c", "int triple(int); int main(void) { return triple(14); }");

function runWith(name: string, code: Uint8Array): number | null {
  const [file, program] = [work.write(name, code), work.path("program")];
  clang(["-Wno-override-module", main, file, "-o", program]);
  return run(program).status;
}

test("compile: an object under the link names", async () => {
  const object = await compile({ input });
  expect(runWith("triple.o", object)).toBe(42);
  const { stdout } = run("llvm-nm-22", ["--format=just-symbols", work.path("triple.o")]);
  expect(stdout.split("\n").filter(Boolean)).toEqual(["calls", "doubled", "triple"]);
});

test("compile: assembly and bitcode are what build writes", async () => {
  for (const [emit, ending] of [
    ["asm", ".s"],
    ["bitcode", ".bc"],
  ] as const) {
    const code = await compile({ input, emit });
    expect(runWith(`out${ending}`, code)).toBe(42);
    const output = work.path(`built${ending}`);
    await build({ inputs: [input], output, cache: "off" });
    expect(Buffer.compare(readFileSync(output), code)).toBe(0);
  }
});

test("compile: the options decide the code", async () => {
  const shift = work.bitcode("shift.c", "int shift(int x, int y) { return x << y; }");
  const text = async (options: object) =>
    Buffer.from(await compile({ input: shift, emit: "asm", ...options })).toString();
  expect(await text({})).toMatch(/shll(?!.*%rsp)/s);
  expect(await text({ level: "O0" })).toContain("(%rsp)");
  expect(await text({ codegenOnly: true })).toContain("(%rsp)");
  expect(await text({ cpu: "haswell" })).toContain("shlx");
  expect(await text({ features: "+bmi2" })).toContain("shlx");
});

test("compile: takes one module, not several", async () => {
  const archive = work.path("two.a");
  run("llvm-ar-22", ["rcs", archive, input, main]);
  await expect(compile({ input: archive })).rejects.toMatchObject({
    code: "INVALID_INPUT",
    input: archive,
  });
});

test("split: the body has local names, the link names stand beside it", async () => {
  const [unit] = await split(input);
  expect(unit).toMatchObject({ name: input, digest: expect.stringMatching(/^[0-9a-f]{64}$/) });
  expect(unit!.linkNames).toEqual(expect.arrayContaining(["calls", "doubled", "triple"]));

  writeFileSync(work.path("body.bc"), unit!.body);
  const text = run("llvm-dis-22", ["-o", "-", work.path("body.bc")]).stdout;
  expect(text).toContain(`define i32 @fg.${unit!.linkNames.indexOf("triple")}(`);
  for (const name of ["calls", "doubled", "triple", "x86_64"]) expect(text).not.toContain(name);
});

test("split: the same code under other names, in another file, has the same body", async () => {
  const renamed = source.replaceAll(/calls|doubled|triple/g, (name) => `other_${name}`);
  const [[one], [two]] = await Promise.all([
    split(input),
    split(work.bitcode("renamed.c", renamed)),
  ]);
  expect(two!.digest).toBe(one!.digest);
  expect(Buffer.compare(two!.body, one!.body)).toBe(0);
  expect(two!.linkNames).toEqual(
    one!.linkNames.map((name) => (name.endsWith(".c") ? work.path("renamed.c") : `other_${name}`)),
  );

  const [three] = await split(work.bitcode("changed.c", source.replace("2 * x", "x << 2")));
  expect(three!.digest).not.toBe(one!.digest);
});

test("split: an archive gives a unit for every member", async () => {
  const archive = work.path("members.a");
  run("llvm-ar-22", ["rcs", archive, input, main]);
  const units = await split(archive);
  expect(units.map(({ name }) => name)).toEqual([`${archive}(triple.bc)`, `${archive}(main.bc)`]);
});
