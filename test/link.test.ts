/** Where lld runs makes no difference to the output, but it does to the process. */

import { existsSync } from "node:fs";
import { build } from "../lib";
import { clang, digest, run, Workspace } from "./helpers";

const work = new Workspace();
const input = work.bitcode("f.c", "int g(int); int f(int x) { return g(x) + 1; }");
const cache = work.path("cache");

test("a process of its own links the same bytes", async () => {
  const outputs = [false, true].map((isolate) => ({
    inputs: [input],
    output: work.path(`isolate-${isolate}.so`),
    cache,
    link: { isolate },
  }));
  for (const options of outputs) expect((await build(options)).warnings).toEqual([]);
  expect(digest(outputs[1]!.output)).toBe(digest(outputs[0]!.output));
});

test.each([false, true])("lld's words reach the caller, isolate: %s", async (isolate) => {
  const output = work.path("undefined.so");
  const link = { isolate, args: ["-z", "defs"] };
  const failed = build({ inputs: [input], output, cache, link });
  await expect(failed).rejects.toMatchObject({
    code: "LINK_FAILED",
    message: expect.stringMatching(/undefined symbol: g(.|\n)*referenced by /),
  });
  expect(existsSync(output)).toBe(false);
});

test("warm builds do not make the process grow when lld has its own", async () => {
  const options = { inputs: [input], output: work.path("many.so"), cache, link: { isolate: true } };
  const residentMB = async (builds: number) => {
    for (let i = 0; i < builds; i++) await build(options);
    return process.memoryUsage.rss() / 2 ** 20;
  };
  const before = await residentMB(10);
  // In this process lld would leak some two megabytes at each link.
  expect((await residentMB(30)) - before).toBeLessThan(30);
});

test("an executable says which part of the C runtime it lacks", async () => {
  const program = { name: "main.ll", bytes: Buffer.from("define i32 @main() { ret i32 0 }") };
  const output = work.path("program");
  const options = { inputs: [program], output, cache: "off", target: "riscv64-unknown-linux-musl" };
  await expect(build(options)).rejects.toMatchObject({
    code: "MISSING_RUNTIME",
    message: expect.stringMatching(/riscv64-unknown-linux-musl.*Scrt1\.o, crti\.o/),
  });
  expect(existsSync(output)).toBe(false);
});

test.each(["module", "function"] as const)(
  "a library that the source asks for, units: %s",
  async (units) => {
    const source =
      '#pragma comment(lib, "m")\ndouble cos(double); double f(double x) { return cos(x); }';
    const asks = work.bitcode("asks.c", source, ["-fno-builtin"]);
    const output = work.path("asks.so");
    await build({ inputs: [asks], output, units, cache: "off" });
    expect(run("readelf", ["-d", output]).stdout).toContain("[libm.so.6]");
  },
);

test("lld compiles the bitcode in a library of the user's", async () => {
  const square = work.write("square.c", "int square(int x) { return x * x; }");
  const member = work.path("square.o");
  clang(["-O2", "-fPIC", "-flto", "-c", square, "-o", member]);
  const library = work.path("libsquare.a");
  expect(run("ar", ["rcsS", library, member]).status).toBe(0);
  const main = work.bitcode(
    "main.c",
    "int square(int); int main(int n, char **v) { return square(6 + n); }",
  );
  const output = work.path("main");
  await build({
    inputs: [main],
    output,
    emit: "executable",
    cache: "off",
    link: { args: [library] },
  });
  expect(run(output).status).toBe(49);
});
