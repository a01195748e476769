/** The same inputs and options give the same bytes, however, wherever and whenever they are built. */

import { copyFileSync, mkdirSync, utimesSync } from "node:fs";
import path from "node:path";
import { type BuildOptions, build, type Emit } from "../lib";
import { digest, finegrain, Workspace } from "./helpers";

const work = new Workspace();

// Two modules share comdats; two have one body under different names.
const shared = `
  inline int *counter() { static int count = 40; return &count; }
  template <class T> __attribute__((noinline)) T twice(T value) { return value + value; }
`;
const inputs = [
  work.bitcode(
    "main.cc",
    `${shared} int one(); int two(); int *slot;
    int main() { slot = counter(); return twice(one()) + two() + *slot; }`,
  ),
  work.bitcode("other.cc", `${shared} int other() { return twice(*counter()); }`),
  work.bitcode("one.c", '__attribute__((visibility("default"))) int _Z3onev(void) { return 1; }'),
  work.bitcode("two.c", '__attribute__((visibility("default"))) int _Z3twov(void) { return 1; }'),
];

const emits: Emit[] = ["shared", "executable", "object", "archive", "asm", "bitcode", "image"];

let count = 0;
async function digestOf(emit: Emit, options: Partial<BuildOptions>): Promise<string> {
  const output = work.path(`output-${count++}`);
  await build({ inputs, cache: "off", emit, ...options, output });
  return digest(output);
}

describe.each(emits)("%s", (emit) => {
  let expected: string;
  beforeAll(async () => {
    expected = await digestOf(emit, {});
  });

  test("cold, warm, half warm and verified", async () => {
    const cache = work.path(`cache-${emit}`);
    const report = await build({
      inputs: [inputs[0]!],
      output: work.path("part"),
      emit,
      cache,
      link: partial,
    });
    expect(report.cache.misses).toBe(1);
    for (const options of [{}, {}, { cache: work.path(`cold-${emit}`) }])
      expect(await digestOf(emit, { cache, ...options })).toBe(expected);
    const checked = await build({
      inputs,
      output: work.path("checked"),
      emit,
      cache,
      verify: true,
    });
    expect(checked.cache).toMatchObject({ lookups: 4, hits: 4, bad: 0 });
  });

  test.each([1, 2, 4])("on %d threads", async (threads) => {
    expect(await digestOf(emit, { threads })).toBe(expected);
  });

  test("in another process, folder, language and time, from newer files", () => {
    const folder = work.path(`elsewhere-${emit}`);
    mkdirSync(folder);
    for (const input of inputs) {
      const copy = path.join(folder, path.basename(input));
      copyFileSync(input, copy);
      utimesSync(copy, 2_000_000_000, 2_000_000_000);
    }
    const env = { TZ: "Pacific/Kiritimati", LC_ALL: "tr_TR.UTF-8", LANG: "ja_JP", HOME: folder };
    const names = inputs.map((input) => path.basename(input));
    const args = ["build", ...names, "-o", "elsewhere.out", "--emit", emit, "--cache", "cache"];
    expect(finegrain(args, env, folder)).toEqual({ status: 0, stdout: "", stderr: "" });
    expect(digest(path.join(folder, "elsewhere.out"))).toBe(expected);
  });
});

/** One module of the program alone leaves symbols open. */
const partial = { args: ["--unresolved-symbols=ignore-all"] };
