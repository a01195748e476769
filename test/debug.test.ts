/** Debug information (-g) comes through whole. */

import path from "node:path";
import { build, compile } from "../lib";
import { clang, run, Workspace } from "./helpers";

const work = new Workspace();
const fixtures = path.join(__dirname, "fixtures");
const program = ["debug/main.c", "debug/list.c"];

function compileWithClang(source: string, name: string, flags: string[] = []): string {
  const output = work.path(name);
  const standard = source.endsWith(".cc") ? "-std=c++20" : "-std=c17";
  const all = ["-g", "-O2", "-fPIC", "-c", standard, ...flags];
  clang([...all, path.join(fixtures, source), "-o", output]);
  return output;
}

function bitcode(source: string): string {
  const flags = ["-Xclang", "-disable-llvm-passes", "-emit-llvm"];
  return compileWithClang(source, `${path.basename(source)}.bc`, flags);
}

test.each([...program, "languages/polymorphism/main.cc", "languages/shared-inlines/main.cc"])(
  "%s: the DWARF of its object is that of clang's",
  async (source) => {
    const theirs = compileWithClang(source, "theirs.o");
    const ours = work.write("ours.o", await compile({ input: bitcode(source) }));
    expect(dwarf(ours)).toEqual(dwarf(theirs));
  },
);

test("the parts of a coroutine go by its own name", async () => {
  const source = "languages/coroutines/main.cc";
  const linkageNames = (object: string) =>
    dwarf(object).filter((line) => line.includes("DW_AT_linkage_name"));
  const theirs = compileWithClang(source, "theirs.o");
  const ours = work.write("ours.o", await compile({ input: bitcode(source) }));
  expect(linkageNames(ours)).toEqual(linkageNames(theirs));
});

test.each(["O0", "O2"] as const)("a linked program has valid DWARF at %s", async (level) => {
  const output = work.path("program");
  await build({ inputs: program.map(bitcode), output, level, cache: "off" });
  expect(run(output).status).toBe(14);
  expect(run("llvm-dwarfdump-22", ["--verify", output])).toMatchObject({ status: 0 });

  const symbols = ["main", "push", "total"];
  const { stdout } = run("llvm-symbolizer-22", ["-s", "-p", "--obj", output, ...symbols]);
  expect(stdout.split("\n").filter(Boolean)).toEqual([
    expect.stringMatching(/^main at main.c:3/),
    expect.stringMatching(/^push at list.c:13/),
    expect.stringMatching(/^total at list.c:(19|21)/),
  ]);
});

/** What debuggers read, without the file's name and the offsets of location lists. */
function dwarf(object: string): string[] {
  const { stdout } = run("llvm-dwarfdump-22", ["--debug-info", "--debug-line", object]);
  const lines = stdout.split("\n").map((line) => line.replace(/\(indexed .* loclist = .*/, ""));
  expect(lines.length).toBeGreaterThan(100);
  return lines.slice(1);
}
