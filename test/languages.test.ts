/**
 * Programs that lean on what C, C++ and ELF do with symbols. Each is a folder of
 * fixtures/languages, built by clang and by finegrain; both must do the same.
 */

import { readdirSync } from "node:fs";
import path from "node:path";
import { build } from "../lib";
import { clang, exportsOf, run, Workspace } from "./helpers";

interface Program {
  folder: string;
  flags?: string[];
}

const programs: Program[] = [
  { folder: "aliases" },
  { folder: "always-inline" },
  { folder: "c-extras", flags: ["-fexceptions"] },
  { folder: "coroutines", flags: ["-std=c++20"] },
  { folder: "escaped-names" },
  { folder: "exceptions" },
  { folder: "initialisers" },
  { folder: "inline-asm" },
  { folder: "intel-asm", flags: ["-masm=intel"] },
  { folder: "lookalike-names" },
  { folder: "odd-names" },
  { folder: "polymorphism" },
  { folder: "sections", flags: ["-fcommon"] },
  { folder: "shared-inlines" },
  { folder: "statics" },
  { folder: "thread-locals" },
  { folder: "weak-symbols" },
];

const work = new Workspace();
const fixtures = path.join(__dirname, "fixtures/languages");

test("every folder of programs is built", () => {
  expect(readdirSync(fixtures).sort()).toEqual(programs.map(({ folder }) => folder));
});

test.each(programs)("$folder: runs as clang's does", async ({ folder, flags = [] }) => {
  const sources = sourcesOf(folder);
  const theirs = work.path(`${folder}-clang`);
  clang(["-O2", ...flags, ...sources, "-o", theirs]);
  const expected = run(theirs);
  expect(expected).toMatchObject({ stderr: "", stdout: expect.stringMatching(/./) });

  const inputs = sources.map((source) => bitcode(folder, source, flags));
  const optimised = inputs.map(optimise);
  const link = { args: ["-lstdc++", "-lm"] };
  for (const options of [
    { inputs, level: "O0" },
    { inputs, level: "O2" },
    { inputs: optimised, codegenOnly: true },
    { inputs, level: "O0", units: "function" },
    { inputs, level: "O2", units: "function" },
    { inputs: optimised, codegenOnly: true, units: "function" },
  ] as const) {
    const output = work.path(folder);
    await build({ ...options, output, link, cache: "off" });
    expect({ ...options, ...run(output) }).toEqual({ ...options, ...expected });
  }
});

test.each(["aliases", "polymorphism", "shared-inlines", "thread-locals", "weak-symbols"])(
  "%s: a shared library exports what clang's does",
  async (folder) => {
    const theirs = work.path(`${folder}-clang.so`);
    clang(["-O2", "-shared", "-fPIC", ...sourcesOf(folder), "-o", theirs]);

    const inputs = sourcesOf(folder).map((source) => bitcode(folder, source));
    const output = work.path(`${folder}.so`);
    const options = { output, link: { args: ["-lstdc++"] }, cache: "off" };
    expect(exportsOf(theirs).length).toBeGreaterThan(3);
    await build({ ...options, inputs });
    expect(exportsOf(output)).toEqual(exportsOf(theirs));
    await build({ ...options, inputs: inputs.map(optimise), codegenOnly: true, units: "function" });
    expect(exportsOf(output)).toEqual(exportsOf(theirs));
  },
);

function sourcesOf(folder: string): string[] {
  return readdirSync(path.join(fixtures, folder))
    .filter((name) => !name.endsWith(".h"))
    .map((name) => path.join(fixtures, folder, name));
}

/** Unoptimised bitcode, as clang -O2 would start from. */
function bitcode(folder: string, source: string, flags: string[] = []): string {
  const output = work.path(`${folder}-${path.basename(source)}.bc`);
  const frontendOnly = ["-O2", "-fPIC", "-Xclang", "-disable-llvm-passes", "-emit-llvm", "-c"];
  clang([...frontendOnly, ...flags, source, "-o", output]);
  return output;
}

function optimise(input: string): string {
  const output = `${input}.opt.bc`;
  clang(["-O2", "-emit-llvm", "-c", input, "-o", output]);
  return output;
}
