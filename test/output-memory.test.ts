/** A remembered output comes back only where the linker would write it again. */

import { chmodSync, mkdirSync, readFileSync, rmSync, statSync, utimesSync } from "node:fs";
import path from "node:path";
import { type BuildOptions, build, type Emit, openStore } from "../lib";
import { clang, run, Workspace } from "./helpers";
import { entriesOf, keyOf, memories, memoryKind } from "./store-files";

const work = new Workspace();
const main = work.bitcode("main.c", "int answer(void); int main(void) { return answer(); }");
const answer = work.bitcode("answer.c", "int answer(void) { return 7; }");
const output = work.path("program");

let stores = 0;
const newStore = () => work.path(`store${stores++}`);

async function buildWith(cache: string, options: Partial<BuildOptions> = {}) {
  const inputs = [main, answer];
  return build({ inputs, output, cache, units: "function", ...options });
}

/** A build that remembers looks at no code: it splits nothing. */
async function isRecalled(cache: string, options: Partial<BuildOptions> = {}): Promise<boolean> {
  let hasSplit = false;
  const onProgress = ({ phase }: { phase: string }) => {
    if (phase === "split" || phase === "emit") hasSplit = true;
  };
  // What was split before would be remembered too.
  for (const file of entriesOf(cache)) if (memoryKind(file) === "split") rmSync(file);
  await buildWith(cache, { onProgress, ...options });
  return !hasSplit;
}

/** Files that were written just now are not trusted. */
function age(...files: string[]): void {
  const anHourAgo = Date.now() / 1000 - 3600;
  for (const file of files) utimesSync(file, anHourAgo + ages++, anHourAgo + ages);
}
let ages = 0;

function makeLibrary(folder: string, kind: "shared" | "static", result: number): string {
  mkdirSync(folder, { recursive: true });
  const source = work.write(`lib${result}.c`, `int answer(void) { return ${result}; }`);
  const library = path.join(folder, kind === "shared" ? "libanswer.so" : "libanswer.a");
  rmSync(library, { force: true });
  if (kind === "shared") {
    clang(["-shared", "-fPIC", source, "-o", library]);
  } else {
    clang(["-c", "-fPIC", source, "-o", work.path("answer.o")]);
    run("llvm-ar-22", ["rcs", library, work.path("answer.o")]);
  }
  age(library, folder);
  return library;
}

test("an output comes back as it was, also where it was deleted", async () => {
  const cache = newStore();
  const first = await buildWith(cache);
  const bytes = readFileSync(output);
  expect(await isRecalled(cache)).toBe(true);
  rmSync(output);
  expect(await isRecalled(cache)).toBe(true);
  expect(readFileSync(output).equals(bytes)).toBe(true);
  expect(run(output).status).toBe(7);
  const again = await buildWith(cache);
  const { units, simplify, wholeModules } = first;
  expect(again).toMatchObject({ units, wholeModules, simplify: { hits: simplify.lookups } });
  expect(again.cache).toMatchObject({ hits: units, misses: 0, addedBytes: 0, bad: 0, errors: 0 });
});

test("bytes that change during a build do not come back as the output of others", async () => {
  const cache = newStore();
  const seven = readFileSync(answer);
  const eight = readFileSync(work.bitcode("eight.c", "int answer(void) { return 8; }"));
  expect(eight.length).toBe(seven.length);
  const bytes = Buffer.from(seven);
  const onProgress = () => void eight.copy(bytes);
  await buildWith(cache, { inputs: [main, { name: "answer.bc", bytes }], onProgress });
  expect(bytes.equals(eight)).toBe(true);
  const statusOf = async (content: Buffer) => {
    await buildWith(cache, { inputs: [main, { name: "answer.bc", bytes: content }] });
    return run(output).status;
  };
  expect([await statusOf(seven), await statusOf(eight)]).toEqual([7, 8]);
});

const emits: Emit[] = ["executable", "shared", "image", "object", "archive"];
test.each(emits)("%s: its mode is that of a new one", async (emit) => {
  const cache = newStore();
  await buildWith(cache, { emit });
  const { mode } = statSync(output);
  chmodSync(output, 0o600);
  expect(await isRecalled(cache, { emit })).toBe(true);
  expect(statSync(output).mode).toBe(mode);
});

describe("it is linked again", () => {
  test.each<[string, Partial<BuildOptions>]>([
    ["for another level", { level: "O1" }],
    ["for other units", { units: "module" }],
    ["for other inputs", { inputs: [answer, main] }],
    ["for another kind", { emit: "shared" }],
    ["for another CPU", { cpu: "haswell" }],
    ["for other arguments", { link: { args: ["-lm"] } }],
  ])("%s", async (_, change) => {
    const cache = newStore();
    await buildWith(cache);
    expect(await isRecalled(cache, change)).toBe(false);
    expect(await isRecalled(cache)).toBe(true);
  });

  test("for verify", async () => {
    const cache = newStore();
    await buildWith(cache);
    expect(await isRecalled(cache, { verify: true })).toBe(false);
  });

  test.each(["shared", "static"] as const)("where a %s library was changed", async (kind) => {
    const cache = newStore();
    const folder = work.path(`changed-${kind}`);
    const options = { inputs: [main], link: { args: [`-L${folder}`, "-lanswer"] } };
    const status = () => run(output, [], { env: { LD_LIBRARY_PATH: folder } }).status;
    makeLibrary(folder, kind, 20);
    await buildWith(cache, options);
    expect([await isRecalled(cache, options), status()]).toEqual([true, 20]);
    makeLibrary(folder, kind, 30);
    expect([await isRecalled(cache, options), status()]).toEqual([false, 30]);
  });

  test("where a library was given by its path", async () => {
    const cache = newStore();
    const library = makeLibrary(work.path("by-path"), "static", 20);
    const options = { inputs: [main], link: { args: [library] } };
    await buildWith(cache, options);
    expect(await isRecalled(cache, options)).toBe(true);
    makeLibrary(work.path("by-path"), "static", 40);
    expect(await isRecalled(cache, options)).toBe(false);
    expect(run(output).status).toBe(40);
  });

  test("where a library has come that is found earlier", async () => {
    const cache = newStore();
    const [first, second] = [work.path("found-first"), work.path("found-second")];
    mkdirSync(first);
    age(first);
    makeLibrary(second, "static", 20);
    const options = { inputs: [main], link: { args: [`-L${first}`, `-L${second}`, "-lanswer"] } };
    await buildWith(cache, options);
    expect(await isRecalled(cache, options)).toBe(true);
    makeLibrary(first, "static", 50);
    expect(await isRecalled(cache, options)).toBe(false);
    expect(run(output).status).toBe(50);
  });

  test("where a library was removed: the linker says so", async () => {
    const cache = newStore();
    const folder = work.path("removed");
    const library = makeLibrary(folder, "static", 20);
    const options = { inputs: [main], link: { args: [`-L${folder}`, "-lanswer"] } };
    await buildWith(cache, options);
    rmSync(library);
    await expect(buildWith(cache, options)).rejects.toMatchObject({ code: "LINK_FAILED" });
  });

  test("where relative paths mean other files", async () => {
    const cache = newStore();
    const here = process.cwd();
    const statuses = [];
    try {
      for (const [name, result] of [
        ["here", 20],
        ["there", 30],
        ["here", 20],
      ] as const) {
        const folder = work.path(`relative-${name}`);
        makeLibrary(folder, "static", result);
        process.chdir(folder);
        await buildWith(cache, { inputs: [main], link: { args: ["libanswer.a"] } });
        statuses.push(run(output).status);
      }
    } finally {
      process.chdir(here);
    }
    expect(statuses).toEqual([20, 30, 20]);
  });

  test("where a library was written just now, and could be written again unseen", async () => {
    const cache = newStore();
    const library = makeLibrary(work.path("fresh"), "static", 20);
    utimesSync(library, new Date(), new Date());
    const options = { inputs: [main], link: { args: [library] } };
    await buildWith(cache, options);
    expect(await isRecalled(cache, options)).toBe(false);
  });
});

test("the linker's warnings come again", async () => {
  const cache = newStore();
  const folder = work.path("warning");
  const library = makeLibrary(folder, "static", 20);
  run("llvm-ar-22", ["rcs", library, work.write("text.txt", "no object")]);
  age(library, folder);
  const options = { inputs: [main], link: { args: [library] } };
  const { warnings } = await buildWith(cache, options);
  expect(warnings).toEqual([expect.stringMatching(/text\.txt/)]);
  expect(await isRecalled(cache, options)).toBe(true);
  expect((await buildWith(cache, options)).warnings).toEqual(warnings);
});

test("a linker in a process of its own takes part", async () => {
  const cache = newStore();
  const link = { isolate: true };
  await buildWith(cache, { link });
  const bytes = readFileSync(output);
  expect(await isRecalled(cache, { link })).toBe(true);
  expect(readFileSync(output).equals(bytes)).toBe(true);
});

test("an output under another build's key is not taken", async () => {
  const cache = newStore();
  const outputs = [];
  for (const inputs of [
    [main, answer],
    [answer, main],
  ]) {
    await buildWith(cache, { inputs });
    outputs.push(readFileSync(output));
  }
  const files = entriesOf(cache).filter((file) => memoryKind(file) === "output");
  const store = openStore(cache);
  const found = await store.getMany(files.map(keyOf), memories.output);
  expect(found).toHaveLength(2);
  await store.putMany(files.map((file, i) => ({ key: keyOf(file), parts: found[1 - i]!.parts! })));
  await buildWith(cache, { inputs: [main, answer] });
  expect(readFileSync(output).equals(outputs[0]!)).toBe(true);
});
