/** Debug information (-g) comes through whole. */

import { writeFileSync } from "node:fs";
import path from "node:path";
import { build, compile } from "../lib";
import { clang, run, Workspace } from "./helpers";

const work = new Workspace();
const sources = ["main.c", "list.c"].map((name) => path.join(__dirname, "fixtures/debug", name));

const flags = ["-g", "-O2", "-fPIC", "-c"];
const inputs = sources.map((source) => {
  const output = work.path(`${path.basename(source)}.bc`);
  clang([...flags, "-Xclang", "-disable-llvm-passes", "-emit-llvm", source, "-o", output]);
  return output;
});

test("the DWARF of an object is that of clang's", async () => {
  for (const [index, source] of sources.entries()) {
    const [theirs, ours] = [work.path("theirs.o"), work.path("ours.o")];
    clang([...flags, source, "-o", theirs]);
    writeFileSync(ours, await compile({ input: inputs[index]! }));
    expect(dwarf(ours)).toEqual(dwarf(theirs));
  }
});

test.each(["O0", "O2"] as const)("a linked program has valid DWARF at %s", async (level) => {
  const output = work.path("program");
  await build({ inputs, output, level, cache: "off" });
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
