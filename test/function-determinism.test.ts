/** Function units give one output too, however many threads there are and whatever the cache holds. */

import { type BuildOptions, build, type Emit } from "../lib";
import { digest, Workspace } from "./helpers";

const work = new Workspace();

const shared = `
  struct Problem { virtual ~Problem() {} int number; Problem(int n) : number(n) {} };
  static double half(double x) { static int calls; return x * 0.5 + calls++; }
  __attribute__((noinline)) inline int may_throw(int x) { if (x == 7) throw Problem(x); return x; }`;

/** Exceptions, labels in assembly, jump tables and constant pools. */
const part = (name: string, n: number) => `
  double ${name}${n}(int x) {
    int copy;
    __asm__("lbl%=: " : "=r"(copy) : "0"(x));
    try {
      switch (copy) {
        case 0: return half(x) * 1.${n}7;
        case 1: return may_throw(x + ${n});
        case 2: return x / 3.5e-${n};
        case 3: throw Problem(${n});
        case 4: return ${n} + may_throw(2);
        case 5: return half(${n});
        default: return 0.${n}1;
      }
    } catch (Problem &problem) { return problem.number + ${n}.25; }
  }`;

/** Enough of them to be split by several jobs. */
const parts = (name: string) =>
  shared + Array.from({ length: 100 }, (_, n) => part(name, n)).join("");
const inputs = [
  work.bitcode("parts.cc", parts("part")),
  work.bitcode("main.cc", `${parts("piece")} int main() { return piece1(1) > 2; }`),
];

let count = 0;
async function digestOf(emit: Emit, options: Partial<BuildOptions>): Promise<string> {
  const output = work.path(`output-${count++}`);
  const link = { args: emit === "object" ? [] : ["-lstdc++"] };
  const common = { inputs, cache: "off", emit, link };
  const report = await build({ ...common, units: "function", ...options, output });
  expect(report.wholeModules).toEqual([]);
  return digest(output);
}

const cache = work.path("cache");
const emits: Emit[] = ["archive", "shared", "executable", "object", "image"];
test.each(emits)("%s", async (emit) => {
  const expected = await digestOf(emit, { threads: 1 });
  const ways: Partial<BuildOptions>[] = [
    { threads: 2 },
    { threads: 4 },
    { threads: 1, cache: work.path(`cold-${emit}`) },
    { threads: 4, cache: work.path(`cold-${emit}`) },
    { threads: 2, cache },
  ];
  // Half of the units are in the cache already.
  await digestOf("archive", { inputs: inputs.slice(0, 1), cache });
  for (const options of ways)
    expect({ options, digest: await digestOf(emit, options) }).toEqual({
      options,
      digest: expected,
    });
});
