import { build } from "../lib";
import { run, Workspace } from "./helpers";

const work = new Workspace();

const main = `
#include <stdio.h>
int triple(int);
int main(int argc, char **argv) { printf("%d\\n", triple(argc + 13)); return argc; }
`;
const triple = `int triple(int x) { return 3 * x; }`;

test("an executable built from two modules runs, cold and warm", async () => {
  const inputs = [work.bitcode("main.c", main), work.bitcode("triple.c", triple)];
  const options = { inputs, output: work.path("program"), cache: work.path("cache") };

  const cold = await build(options);
  expect(cold.cache).toMatchObject({ lookups: 2, hits: 0, misses: 2, bad: 0, errors: 0 });
  expect(run(options.output, ["a", "b"])).toMatchObject({ status: 3, stdout: "48\n" });

  const warm = await build(options);
  expect(warm.cache).toMatchObject({ lookups: 2, hits: 2, misses: 0, addedBytes: 0 });
  expect(run(options.output)).toMatchObject({ status: 1, stdout: "42\n" });
});
