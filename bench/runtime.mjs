// How fast the code runs that finegrain makes from unoptimised bitcode at -O2,
// against clang's from the same bitcode. All print checksums, which must agree.
// Usage: node bench/runtime.mjs [--rounds N] [sql|zstd|containers ...]

import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { parseArgs } from "node:util";
import { build } from "finegrain";
import {
  bitcodeOf,
  inFolder,
  interleaved,
  middle,
  printMachine,
  printTable,
  timed,
} from "./helpers.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: "string", default: "9" } },
});
const rounds = Number(values.rounds);
const require = createRequire(import.meta.url);
const ours = (name) => path.join(import.meta.dirname, "workloads", name);

/**
 * `sources` are built by each contender: to a library where there is a driver,
 * which clang compiles for all, else to a program.
 */
const workloads = {
  sql() {
    const source = require.resolve("better-sqlite3/deps/sqlite3/sqlite3.c");
    return { sources: [source], driver: ours("sql.c"), flags: [`-I${path.dirname(source)}`] };
  },
  zstd() {
    const shipped = path.dirname(require.resolve("zstd-napi/package.json"));
    const library = path.join(shipped, "deps/zstd/lib");
    const sources = readdirSync(library, { recursive: true })
      .filter((file) => file.endsWith(".c"))
      .sort()
      .map((file) => path.join(library, file));
    return { sources, driver: ours("zstd.c"), flags: ["-DZSTD_DISABLE_ASM", `-I${library}`] };
  },
  containers: () => ({ sources: [ours("containers.cc")], flags: ["-std=c++20"] }),
};

const libraries = ["-lm", "-lstdc++"];

const contenders = {
  async "clang -O2"(inputs, output, kind) {
    const flags = kind === "shared" ? ["-shared"] : [];
    timed([
      "clang-22",
      "-O2",
      "-fPIC",
      "-fuse-ld=lld",
      ...flags,
      ...inputs,
      ...libraries,
      "-o",
      output,
    ]);
  },
  "finegrain, function units": builder("function"),
  "finegrain, module units": builder("module"),
};

function builder(units) {
  return async (inputs, output, emit) => {
    await build({
      inputs,
      output,
      emit,
      units,
      level: "O2",
      cache: "off",
      link: { args: libraries },
    });
  };
}

/** Each contender's program. */
async function prepare(name) {
  const { sources, driver, flags } = workloads[name]();
  const inputs = await bitcodeOf(sources, ...flags);
  const programs = [];
  for (const [index, [contender, make]] of Object.entries(contenders).entries()) {
    const program = inFolder(`${name}-${index}`);
    const output = driver ? `${program}.so` : program;
    await make(inputs, output, driver ? "shared" : "executable");
    if (driver) timed(["clang-22", "-O2", ...flags, driver, output, "-o", program]);
    programs.push([contender, () => timed([program])]);
  }
  return Object.fromEntries(programs);
}

async function compare(name) {
  const samples = await interleaved(await prepare(name), rounds);
  const base = samples.get("clang -O2");
  const expected = base[0].stdout;
  return [...samples].map(([contender, of]) => {
    if (of.some(({ stdout }) => stdout !== expected))
      throw new Error(`${name}: ${contender} printed\n${of[0].stdout}and not\n${expected}`);
    const spread = Math.max(...of.map(({ cpu }) => cpu)) / Math.min(...of.map(({ cpu }) => cpu));
    const ratios = ["cpu", "wall"].map((field) => middle(of, field) / middle(base, field));
    return [
      name,
      contender,
      middle(of, "cpu").toFixed(3),
      ratios[0].toFixed(3),
      middle(of, "wall").toFixed(3),
      ratios[1].toFixed(3),
      spread.toFixed(2),
    ];
  });
}

const rows = [];
for (const name of positionals.length > 0 ? positionals : Object.keys(workloads))
  rows.push(...(await compare(name)));
printMachine(rounds);
printTable(["", "", "CPU s", "÷ clang", "wall s", "÷ clang", "slowest ÷ fastest"], rows);
