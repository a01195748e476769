/** What may come in: bitcode, wrapped or not, textual IR, archives, files or bytes in memory. */

import { readFileSync } from "node:fs";
import path from "node:path";
import { build, compile, type Input } from "../lib";
import { run, Workspace } from "./helpers";

const work = new Workspace();
const mainInput = work.bitcode(
  "main.c",
  `int first(void), second(void);
   int main(void) { return 10 * first() + second(); }`,
);
const first = work.bitcode("first.c", "int first(void) { return 4; }");
const second = work.bitcode("second.c", "int second(void) { return 2; }");
const cache = work.path("cache");

async function expectToRun(inputs: Input[], units = 3): Promise<void> {
  const output = work.path("program");
  const report = await build({ inputs, output, cache });
  expect(report.units).toBe(units);
  expect(run(output).status).toBe(42);
}

/** Bitcode in the wrapper that Darwin's tools put around it: magic, version, offset, size, CPU. */
function wrap(bitcode: Uint8Array): Buffer {
  const header = Buffer.alloc(20);
  [0x0b17c0de, 0, header.length, bitcode.length, 7].forEach((field, index) => {
    header.writeUInt32LE(field, 4 * index);
  });
  return Buffer.concat([header, bitcode, Buffer.alloc(-bitcode.length & 15)]);
}

function disassemble(bitcode: string): string {
  return run("llvm-dis-22", ["-o", "-", bitcode]).stdout;
}

function archive(name: string, ...members: string[]): string {
  const output = work.path(name);
  expect(run("llvm-ar-22", ["rcs", output, ...members]).status).toBe(0);
  return output;
}

test("bitcode, textual IR and wrapped bitcode, side by side", async () => {
  const text = work.write("first.ll", disassemble(first));
  const wrapped = work.write("second-wrapped.bc", wrap(readFileSync(second)));
  await expectToRun([mainInput, text, wrapped]);
});

test("the same module in any of these forms is one unit of the cache", async () => {
  const forms = [
    first,
    { name: "text", bytes: Buffer.from(disassemble(first)) },
    { name: "wrapped", bytes: wrap(readFileSync(first)) },
    archive("one.a", first),
  ];
  const own = work.path("cache-of-forms");
  const hits = [];
  for (const input of forms) {
    const report = await build({ inputs: [input], output: work.path("first.o"), cache: own });
    hits.push(report.cache.hits);
  }
  expect(hits).toEqual([0, 1, 1, 1]);
});

test("bytes in memory", async () => {
  const bytes = new Uint8Array(readFileSync(first));
  await expectToRun([mainInput, { name: "in memory", bytes }, second]);
});

test("archives: every member is a unit, whatever its form", async () => {
  const text = work.write("second.ll", disassemble(second));
  await expectToRun([archive("all.a", mainInput, first, text)]);
});

test("an archive whose members share a name", async () => {
  const [a, b] = ["a", "b"].map((name) => path.join(name, "same.bc"));
  for (const [folder, source] of Object.entries({ a: first, b: second })) {
    run("mkdir", [work.path(folder)]);
    run("cp", [source, work.path(folder, "same.bc")]);
  }
  const output = work.path("same.a");
  expect(run("llvm-ar-22", ["qcs", output, a!, b!], { cwd: work.folder }).status).toBe(0);
  await expectToRun([mainInput, output]);
});

test("a file with several modules", async () => {
  const several = work.path("several.bc");
  run("llvm-cat-22", ["-b", "-o", several, mainInput, first, second]);
  await expectToRun([several]);
});

test("a module without target or layout is for this machine", async () => {
  const bytes = Buffer.from("define i32 @first() {\n  ret i32 4\n}\n");
  await expectToRun([mainInput, { name: "bare.ll", bytes }, second]);
});

test.each([
  ["garbage", Buffer.from([0, 1, 2, 3])],
  ["nothing at all", new Uint8Array()],
  ["text that is no IR", Buffer.from("int main() {}\n")],
  ["cut bitcode", readFileSync(first).subarray(0, 200)],
  ["an object", Buffer.from("\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x01\0>\0", "latin1")],
])("%s is refused by name", async (name, bytes) => {
  const error = expect.objectContaining({ code: "INVALID_INPUT", input: name });
  await expect(compile({ input: { name, bytes } })).rejects.toEqual(error);
});
