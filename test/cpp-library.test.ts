/** Libraries of C and C++ as function units, against clang's builds of them. */

import { readdirSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { build } from "../lib";
import { clangAsync, exportsOf, type RunResult, run, Workspace } from "./helpers";

const work = new Workspace();

interface Bitcode {
  unoptimised: string[];
  optimised: string[];
}

/** Compiles sources to bitcode, with as many compilers as there are cores. */
async function toBitcode(sources: string[], flags: string[]): Promise<Bitcode> {
  const names = sources.map((_, i) => work.path(`${path.basename(sources[i]!)}-${i}`));
  const result = {
    unoptimised: names.map((name) => `${name}.bc`),
    optimised: names.map((name) => `${name}.opt.bc`),
  };
  const common = ["-w", "-O2", "-fPIC", "-emit-llvm", "-c"];
  const frontendOnly = ["-Xclang", "-disable-llvm-passes", ...flags];
  let next = 0;
  const lane = async () => {
    while (next < sources.length) {
      const i = next++;
      const [unoptimised, optimised] = [result.unoptimised[i]!, result.optimised[i]!];
      await clangAsync([...common, ...frontendOnly, sources[i]!, "-o", unoptimised]);
      await clangAsync([...common, unoptimised, "-o", optimised]);
    }
  };
  await Promise.all(Array.from({ length: os.availableParallelism() }, lane));
  return result;
}

const waysToBuild = ({ unoptimised, optimised }: Bitcode) =>
  [
    { inputs: optimised, codegenOnly: true },
    { inputs: unoptimised, level: "O2" },
  ] as const;

test("leveldb does what clang's does", async () => {
  const root = path.dirname(require.resolve("classic-level/package.json"));
  const leveldb = path.join(root, "deps/leveldb/leveldb-1.20");
  const snappy = path.join(root, "deps/snappy");
  const sourcesIn = (folder: string) =>
    readdirSync(folder)
      .filter((file) => /\.cc$/.test(file) && !/test|bench|leveldbutil|(^|-)c\.cc$/.test(file))
      .map((file) => path.join(folder, file));
  const folders = ["db", "helpers/memenv", "port", "table", "util"];
  const sources = [
    path.join(__dirname, "fixtures/leveldb/driver.cc"),
    ...folders.flatMap((name) => sourcesIn(path.join(leveldb, name))),
    ...sourcesIn(path.join(snappy, "snappy")),
  ];
  const includes = [leveldb, `${leveldb}/include`, `${snappy}/linux`, `${snappy}/snappy`];
  const defines = ["SNAPPY=1", "LEVELDB_PLATFORM_POSIX=1", "OS_LINUX=1", "HAVE_CONFIG_H=1"];
  const flags = [...includes.map((name) => `-I${name}`), ...defines.map((name) => `-D${name}`)];
  const bitcode = await toBitcode(sources, [...flags, "-std=c++14"]);

  const theirs = work.path("leveldb-clang");
  const libraries = ["-lstdc++", "-lm", "-lpthread"];
  await clangAsync([...bitcode.optimised, ...libraries, "-o", theirs]);
  const expected = runDriver(theirs);
  expect(expected).toMatchObject({ status: 0, stderr: "" });
  expect(expected.stdout).toMatch(/written: 20000 .*caught from a batch: 42\n$/s);
  for (const options of waysToBuild(bitcode)) {
    const output = work.path("leveldb");
    const common = { ...options, inputs: [...options.inputs], link: { args: libraries } };
    const report = await build({ ...common, output, units: "function", cache: "off" });
    expect(report.wholeModules).toEqual([]);
    expect(runDriver(output)).toEqual(expected);
  }
});

function runDriver(program: string): RunResult {
  return run(program, [`${program}.database`]);
}

test("zstd compresses to the same bytes as clang's", async () => {
  const root = path.dirname(require.resolve("zstd-napi/package.json"));
  const library = path.join(root, "deps/zstd/lib");
  const sources = (readdirSync(library, { recursive: true }) as string[])
    .filter((file) => file.endsWith(".c"))
    .sort()
    .map((file) => path.join(library, file));
  const bitcode = await toBitcode(sources, ["-DZSTD_DISABLE_ASM", "-DZSTD_MULTITHREAD"]);

  const theirs = work.path("libzstd-clang.so");
  await clangAsync(["-shared", ...bitcode.optimised, "-o", theirs]);
  const expected = compressed(theirs);
  expect(expected.length).toBe(levels.length);
  for (const options of waysToBuild(bitcode)) {
    const output = work.path(`libzstd-${options.inputs === bitcode.optimised}.so`);
    const common = { ...options, inputs: [...options.inputs] };
    const report = await build({ ...common, output, units: "function", cache: "off" });
    expect(report.wholeModules).toEqual([]);
    expect(exportsOf(output)).toEqual(exportsOf(theirs));
    expect(compressed(output)).toEqual(expected);
  }
});

const levels = [-5, 1, 3, 9, 19];

/** This text and noise, compressed at each level and found whole again. */
function compressed(file: string): string[] {
  const library = require("koffi").load(file);
  const bound = library.func("size_t ZSTD_compressBound(size_t)");
  const compress = library.func(
    "size_t ZSTD_compress(_Out_ void *, size_t, const void *, size_t, int)",
  );
  const decompress = library.func(
    "size_t ZSTD_decompress(_Out_ void *, size_t, const void *, size_t)",
  );
  const words = Array.from({ length: 50_000 }, (_, i) => `${(i * i) % 997} word ${i % 61}`);
  const data = Buffer.from(words.join(" "));
  return levels.map((level) => {
    const packed = Buffer.alloc(Number(bound(data.length)));
    const size = Number(compress(packed, packed.length, data, data.length, level));
    const unpacked = Buffer.alloc(data.length);
    expect(Number(decompress(unpacked, unpacked.length, packed, size))).toBe(data.length);
    expect(unpacked.equals(data)).toBe(true);
    return packed.subarray(0, size).toString("base64");
  });
}
