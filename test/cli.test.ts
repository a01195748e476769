import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import module from "node:module";
import os from "node:os";
import { pathToFileURL } from "node:url";
import { type BuildOptions, type BuildReport, build } from "../lib";
import { defaultCache } from "../lib/options";
import { version } from "../package.json";
import { digest, finegrain, Workspace } from "./helpers";

const work = new Workspace();
const source =
  "int sum(const int *p, int n) { int s = 0; for (int i = 0; i < n; i++) s += p[i]; return s; }";
const input = work.bitcode("sum.c", source);
const url = (folder: string) => pathToFileURL(folder).href;

interface Built {
  report: BuildReport;
  stderr: string;
}

/** Runs `finegrain build` with --json and expects it to succeed. */
function buildJson(flags: string[], env: Record<string, string> = {}): Built {
  const { status, stdout, stderr } = finegrain(["build", input, "--json", ...flags], env);
  expect({ status, stderr: status === 0 ? "" : stderr }).toEqual({ status: 0, stderr: "" });
  return { report: JSON.parse(stdout), stderr };
}

describe("a flag is the API's option of that name", () => {
  const cache = work.path("flags-cache");
  const output = work.path("flags.o");
  const api = (options: Partial<BuildOptions>) =>
    build({ inputs: [input], output, cache, ...options });

  beforeAll(() => api({}));

  const foreign = process.arch === "arm64" ? "x86_64-linux-gnu" : "aarch64-linux-gnu";
  const cpu = process.arch === "arm64" ? "cortex-a53" : "x86-64-v3";
  const feature = process.arch === "arm64" ? "+sve" : "+avx2";

  // An option with an effect has a key of its own, which the flag must hit.
  test.each<[string, Partial<BuildOptions>]>([
    ["-O0", { level: "O0" }],
    ["-O1", { level: "O1" }],
    ["-O3", { level: "O3" }],
    ["-Os", { level: "Os" }],
    ["-Oz", { level: "Oz" }],
    ["--codegen-only", { codegenOnly: true }],
    [`--target ${foreign}`, { target: foreign }],
    [`--cpu ${cpu}`, { cpu }],
    ["--cpu native", { cpu: "native" }],
    [`--features ${feature}`, { features: feature }],
    ["--emit asm", { emit: "asm" }],
    ["--emit bitcode", { emit: "bitcode" }],
  ])("%s", async (flags, options) => {
    const first = await api(options);
    expect(first.cache).toMatchObject({ hits: 0, misses: 1 });
    const expected = digest(output);
    const { report } = buildJson(["-o", output, "--cache", cache, ...flags.split(" ")]);
    expect(report.cache).toMatchObject({ url: url(cache), hits: 1, misses: 0 });
    expect(digest(output)).toBe(expected);
  });

  test("-O2 and --units module are the defaults", () => {
    const flags = ["-o", output, "--cache", cache];
    for (const more of [[], ["-O2"], ["--units", "module"]])
      expect(buildJson([...flags, ...more]).report.cache.hits).toBe(1);
  });

  test("--threads, --cache off and --verify", () => {
    const flags = ["-o", output, "--threads", "1", "--cache"];
    expect(buildJson([...flags, cache, "--verify"]).report).toMatchObject({
      threads: 1,
      cache: { hits: 1, bad: 0 },
    });
    const { report } = buildJson([...flags, "off"], { HOME: work.path("no-home") });
    expect(report.cache).toEqual({
      url: "off",
      lookups: 0,
      hits: 0,
      misses: 0,
      bad: 0,
      errors: 0,
      addedBytes: 0,
      stores: [],
    });
    expect(existsSync(work.path("no-home"))).toBe(false);
  });
});

describe("what is written follows from the output's ending", () => {
  const elf = (type: number) => (bytes: Buffer) =>
    bytes.subarray(0, 4).toString("latin1") === "\x7fELF" && bytes.readUInt16LE(16) === type;
  const starts = (text: string) => (bytes: Buffer) => bytes.toString("latin1").startsWith(text);
  const [relocatable, shared] = [elf(1), elf(3)];

  test.each<[string, string[], (bytes: Buffer) => boolean]>([
    ["out.so", [], shared],
    ["out.o", [], relocatable],
    ["out.a", [], starts("!<arch>\n")],
    ["out.s", [], (bytes) => bytes.includes("\nsum:")],
    ["out.bc", [], starts("BC\xc0\xde")],
    ["out.so", ["--emit", "image"], (bytes) => bytes.includes("jl_image_pointers")],
    ["out.xyz", ["--emit", "shared"], shared],
  ])("%s %s", (name, flags, isRight) => {
    const output = work.path(name);
    buildJson(["-o", output, "--cache", "off", ...flags]);
    expect(isRight(readFileSync(output))).toBe(true);
  });

  test("anything else is an executable", () => {
    const output = work.path("program");
    const main = work.write("main.ll", "define i32 @main() { ret i32 0 }");
    expect(finegrain(["build", main, "-o", output, "--cache", "off"]).status).toBe(0);
    expect(shared(readFileSync(output))).toBe(true); // position independent
    expect(readFileSync(output).includes("ld-linux")).toBe(true);
  });
});

describe("what is printed", () => {
  const cache = work.path("print-cache");
  const flags = ["build", input, "-o", work.path("print.so"), "--cache", cache];

  test("nothing, without an option that asks for it", () => {
    expect(finegrain(flags)).toEqual({ status: 0, stdout: "", stderr: "" });
  });

  test("nothing, for a CPU and features that LLVM does not know", () => {
    const attributes = '"target-cpu"="cray-1" "tune-cpu"="z80" "target-features"="+vector,-mmu"';
    const file = work.write("cray.ll", `define i32 @f() ${attributes} { ret i32 0 }`);
    const args = ["build", file, "-o", work.path("cray.o"), "--cache", "off"];
    expect(finegrain(args)).toEqual({ status: 0, stdout: "", stderr: "" });
  });

  test("--json prints one object with the report on stdout", () => {
    const { status, stdout, stderr } = finegrain([...flags, "--json"]);
    expect({ status, stderr, lines: stdout.split("\n").length }).toEqual({
      status: 0,
      stderr: "",
      lines: 2,
    });
    const ms = expect.any(Number);
    const counts = { lookups: 1, hits: 1, misses: 0, bad: 0, errors: 0, addedBytes: 0 };
    expect(JSON.parse(stdout)).toEqual({
      output: work.path("print.so"),
      llvmVersion: expect.stringMatching(/^22\.1\.\d+$/),
      threads: expect.any(Number),
      units: 1,
      wholeModules: [],
      cache: {
        url: url(cache),
        ...counts,
        stores: [{ url: url(cache), ...counts, readBytes: expect.any(Number) }],
      },
      simplify: { lookups: 0, hits: 0 },
      phases: {
        read: ms,
        split: ms,
        key: ms,
        lookup: ms,
        simplify: ms,
        emit: ms,
        store: ms,
        rename: ms,
        link: ms,
        total: ms,
      },
      warnings: [],
    });
  });

  test("the output is named as the user named it", () => {
    const folder = work.path("relative");
    mkdirSync(folder);
    const named = ["build", input, "-o", "here.o", "--cache", "off", "--json"];
    const { stdout } = finegrain(named, {}, folder);
    expect(JSON.parse(stdout).output).toBe("here.o");
    expect(readdirSync(folder)).toEqual(["here.o"]);
  });

  test("--timings prints the phases and the two lines on the cache on stderr", () => {
    const fresh = [...flags.slice(0, -1), work.path("timings-cache"), "--timings"];
    const [cold, warm] = [finegrain(fresh), finegrain(fresh)];
    expect(cold!.stdout).toBe("");
    const phases = "read split key lookup simplify emit store rename link total".split(" ");
    const lines = cold!.stderr.trimEnd().split("\n");
    expect(lines.slice(0, -2).map((line) => line.split(" ")[0])).toEqual(phases);
    for (const line of lines.slice(0, -2)) expect(line).toMatch(/^\w+ +\d+\.\d ms$/);
    expect(lines.slice(-2)).toEqual([
      "cache hits: 0/1 (0%)",
      expect.stringMatching(/^added [1-9]\d* B to cache$/),
    ]);
    expect(warm!.stderr).toContain("\ncache hits: 1/1 (100%)\nadded 0 B to cache\n");
  });

  test("what the linker warns about, on stderr", () => {
    const { status, stderr } = finegrain([...flags, "--", "-z", "nonsense"]);
    expect(status).toBe(0);
    expect(stderr).toMatch(/^finegrain: warning: .*nonsense/);
  });
});

describe("environment", () => {
  const [home, one, two] = ["env-home", "env-one", "env-two"].map((name) => work.path(name));
  const flags = ["-o", work.path("env.o")];

  test.each<[string, Record<string, string>, string[], string]>([
    ["FINEGRAIN_CACHE", { FINEGRAIN_CACHE: one! }, [], url(one!)],
    ["JULIA_NATIVE_CACHE", { JULIA_NATIVE_CACHE: two! }, [], url(two!)],
    ["both", { FINEGRAIN_CACHE: one!, JULIA_NATIVE_CACHE: two! }, [], url(one!)],
    ["a flag over both", { FINEGRAIN_CACHE: one! }, ["--cache", two!], url(two!)],
    ["off", { FINEGRAIN_CACHE: "off" }, [], "off"],
    ["an empty variable", { FINEGRAIN_CACHE: "" }, [], url(`${home}/.cache/finegrain`)],
    ["HOME alone", {}, [], url(`${home}/.cache/finegrain`)],
    ["XDG_CACHE_HOME", { XDG_CACHE_HOME: one! }, [], url(`${one}/finegrain`)],
    ["a relative one", { XDG_CACHE_HOME: "x" }, [], url(`${home}/.cache/finegrain`)],
  ])("the cache's place: %s", (_, env, more, expected) => {
    const { report } = buildJson([...flags, ...more], { HOME: home!, ...env });
    expect(report.cache.url).toBe(expected);
    expect(report.cache).toMatchObject({ lookups: expected === "off" ? 0 : 1, errors: 0 });
  });

  test("the cache's place: a user without a home", () => {
    for (const name of ["homedir", "userInfo"] as const)
      jest.spyOn(os, name).mockImplementation(() => {
        throw new Error(`${name}: no such user`);
      });
    const place = defaultCache({});
    jest.restoreAllMocks();
    expect(place).toBe("/.cache/finegrain");
  });

  test("Node keeps its code in the user's own cache, if it can", () => {
    const folder = work.path("xdg");
    mkdirSync(folder);
    for (const run of ["compiled", "kept"])
      expect([run, finegrain(["--version"], { XDG_CACHE_HOME: folder }).stdout]).toEqual([
        run,
        `${version}\n`,
      ]);
    expect(readdirSync(folder)).toEqual("enableCompileCache" in module ? ["finegrain-code"] : []);
  });

  test.each<[string, Record<string, string>, string[], number]>([
    ["FINEGRAIN_THREADS", { FINEGRAIN_THREADS: "3" }, [], 3],
    ["JULIA_IMAGE_THREADS", { JULIA_IMAGE_THREADS: "5" }, [], 5],
    ["both", { FINEGRAIN_THREADS: "3", JULIA_IMAGE_THREADS: "5" }, [], 3],
    ["a flag over both", { FINEGRAIN_THREADS: "3" }, ["--threads", "1"], 1],
  ])("the number of threads: %s", (_, env, more, expected) => {
    const { report } = buildJson([...flags, "--cache", "off", ...more], env);
    expect(report.threads).toBe(expected);
  });

  test.each<[Record<string, string>, boolean]>([
    [{ FINEGRAIN_TIMINGS: "1" }, true],
    [{ JULIA_IMAGE_TIMINGS: "1" }, true],
    [{ FINEGRAIN_TIMINGS: "0" }, false],
    [{ FINEGRAIN_TIMINGS: "0", JULIA_IMAGE_TIMINGS: "1" }, false],
  ])("timings: %p", (env, isPrinted) => {
    const { stderr } = buildJson([...flags, "--cache", one!], env);
    expect(stderr.includes("cache hits: ")).toBe(isPrinted);
    if (!isPrinted) expect(stderr).toBe("");
  });
});

describe("exit status", () => {
  const out = ["-o", work.path("status.o"), "--cache", "off"];
  const text = work.write("text.bc", "this is no bitcode");

  test.each<[number, string, string[], Record<string, string>?]>([
    [1, "UNREADABLE_INPUT", ["build", work.path("missing.bc"), ...out]],
    [1, "text.bc", ["build", text, ...out]],
    [1, "OUTPUT_FAILED", ["build", input, "-o", work.path("no/such/folder.o"), "--cache", "off"]],
    [1, "UNKNOWN_TARGET", ["build", input, ...out, "--target", "nonsense"]],
    [
      1,
      "no-such-flag",
      ["build", input, "-o", work.path("a.so"), "--", "--no-such-flag"],
      { FINEGRAIN_CACHE: "off" },
    ],
    [2, "build", []],
    [2, "unknown command", ["bild"]],
    [2, "missing required argument", ["build", ...out]],
    [2, "--output", ["build", input]],
    [2, "--no-such", ["build", input, ...out, "--no-such"]],
    [2, "--emit", ["build", input, ...out, "--emit", "nonsense"]],
    [2, "--units", ["build", input, ...out, "--units", "nonsense"]],
    [2, "-O", ["build", input, ...out, "-O7"]],
    [2, "--threads", ["build", input, ...out, "--threads", "none"]],
    [2, "cache", ["build", input, ...out, "--cache", ""]],
    [2, "gopher:", ["build", input, ...out, "--cache", "gopher://cache"]],
    [2, "FINEGRAIN_THREADS", ["build", input, ...out], { FINEGRAIN_THREADS: "0" }],
    [2, "JULIA_IMAGE_THREADS", ["build", input, ...out], { JULIA_IMAGE_THREADS: "many" }],
  ])("%d, with %s on stderr", (status, words, args, ...[env]) => {
    const result = finegrain(args, env);
    expect({ status: result.status, stdout: result.stdout }).toEqual({ status, stdout: "" });
    expect(result.stderr).toContain(words);
    expect(result.stderr).not.toMatch(/^ +at /m);
  });

  test.each<[string[], string]>([
    [["--version"], version],
    [["--help"], "Usage: finegrain"],
    [["build", "--help"], "--codegen-only"],
  ])("0 for %j", (args, words) => {
    const { status, stdout, stderr } = finegrain(args);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toContain(words);
  });
});

test("what stands behind -- goes to lld", () => {
  const output = work.path("named.so");
  buildJson(["-o", output, "--cache", "off", "--", "-soname", "libnamed.so.7"]);
  expect(readFileSync(output).includes("libnamed.so.7")).toBe(true);
});
