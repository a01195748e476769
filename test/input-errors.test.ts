/** Wrong input gives an error that names the input and says why, and leaves nothing behind. */

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type BuildOptions, build, compile, split } from "../lib";
import { clang, finegrain, run, Workspace } from "./helpers";
import { Random } from "./random";

const work = new Workspace();
mkdirSync(work.path("out"));
const cache = work.path("cache");

const good = work.bitcode("good.c", "int good(int x) { return x * 3; }");
const goodBytes = readFileSync(good);
const magic = goodBytes.subarray(0, 4);
const function_ = (body: string, more = "") =>
  `target triple = "x86_64-pc-linux-gnu"\ndefine i32 @f(i32 %x) {\n${body}\n}\n${more}`;
const sound = work.write("sound.ll", function_("  ret i32 %x"));

/** Builds with the command line into an empty folder, and checks that it fails as it should. */
function expectFailure(args: string[], words: RegExp, status = 1) {
  const output = work.path("out", "result");
  const common = ["--cache", cache, "-o", output];
  const result = finegrain(["build", ...common, ...args], { HOME: work.folder });
  expect(result.stderr).toMatch(words);
  expect(result).toMatchObject({ status, stdout: "" });
  expect(readdirSync(work.path("out"))).toEqual([]);
}

async function expectStoreIntact() {
  const options = { inputs: [good], output: work.path("good.o"), cache };
  await build(options);
  const { cache: counts } = await build(options);
  expect(counts).toMatchObject({ hits: 1, bad: 0, errors: 0 });
  const stored = readdirSync(cache, { recursive: true }).map(String);
  expect(stored.filter((name) => name.endsWith(".tmp"))).toEqual([]);
}

afterEach(expectStoreIntact);

/** The identification block, at the start, holds LLVM's epoch: one flip of a bit changes it. */
async function bitcodeOfOtherEpoch(): Promise<Buffer> {
  for (let bit = 64; bit < 512; bit++) {
    const bytes = Buffer.from(goodBytes);
    bytes[bit >> 3]! ^= 1 << (bit & 7);
    const message = await split({ name: "flipped", bytes }).then(String, String);
    if (/epoch/i.test(message)) return bytes;
  }
  throw new Error("no flip changes the epoch");
}

function archiveWithObject(): string {
  const object = work.path("native.o");
  clang(["-c", work.path("good.c"), "-o", object]);
  const archive = work.path("mixed.a");
  run("llvm-ar-22", ["rc", archive, good, object]);
  return archive;
}

describe("a file that is not good bitcode", () => {
  const cases: [string, () => string | Uint8Array | Promise<Uint8Array>, RegExp][] = [
    ["is empty", () => "", /neither LLVM bitcode, textual IR nor an archive/],
    ["is zeros", () => Buffer.alloc(100), /neither LLVM bitcode, textual IR nor an archive/],
    ["is binary without zeros", () => Buffer.alloc(100, 1), /neither LLVM bitcode, textual IR/],
    ["is other text", () => "int main() {}\n", /line:1:1: error: expected top-level entity/],
    ["is an object", () => readFileSync(process.execPath), /neither LLVM bitcode/],
    ["is nothing but the magic", () => magic, /the bitcode holds no module/],
    ["is of another epoch", bitcodeOfOtherEpoch, /[Ii]ncompatible epoch/],
    ["is cut in the middle", () => goodBytes.subarray(0, goodBytes.length / 2), /./],
    ["is a broken archive", () => "!<arch>\nbroken", /archive/],
    ["is a thin archive", () => "!<thin>\n", /thin archives hold no bitcode/],
    [
      "has a wrong wrapper",
      () => Buffer.from("dec0170b00000000ffffffffffffffff", "hex"),
      /wrapper/,
    ],
    [
      "has IR that does not parse",
      () => function_("  ret i64 %x"),
      /line:3:11: error: '%x' defined/,
    ],
    ["has IR of no terminator", () => function_("  %y = add i32 %x, 1"), /expected instruction/],
    [
      "has IR that only the verifier rejects",
      () => function_("  %y = add i32 %z, 1\n  %z = add i32 %y, 1\n  ret i32 %y"),
      /Instruction does not dominate all uses/,
    ],
  ];

  test.each(cases)("%s", async (_, content, words) => {
    const input = work.write("bad.bc", await content());
    expectFailure([good, input], new RegExp(`error: ${input}: [\\s\\S]*${words.source}`));
  });

  test("holds an object, in an archive", () => {
    const archive = archiveWithObject();
    expectFailure([archive], /mixed\.a: .*mixed\.a\(native\.o\): neither LLVM bitcode/);
  });

  test("is missing", () => {
    const input = work.path("nowhere.bc");
    expectFailure([input], new RegExp(`${input}: .*no such file.*UNREADABLE_INPUT`));
  });

  test("is a folder", () => {
    expectFailure([work.folder], /EISDIR.*UNREADABLE_INPUT/);
  });
});

test("truncated bitcode is refused at any length", async () => {
  const lengths = new Set([0, 1, 3, 4, 5, 8, 20, goodBytes.length - 1, goodBytes.length - 4]);
  for (let length = 24; length < goodBytes.length; length += 97) lengths.add(length);
  for (const length of lengths) {
    const bytes = goodBytes.subarray(0, length);
    await expect(split({ name: `cut at ${length}`, bytes })).rejects.toMatchObject({
      code: "INVALID_INPUT",
      message: expect.stringMatching(`^cut at ${length}: .`),
    });
  }
});

test("random bytes are refused, with and without bitcode's magic", async () => {
  const random = new Random("random bytes");
  for (let round = 0; round < 300; round++) {
    const noise = random.bytes(1 + random.below(2000));
    const bytes = round % 2 ? noise : Buffer.concat([magic, noise]);
    const input = { name: `round ${round}`, bytes };
    await expect(split(input)).rejects.toMatchObject({ code: "INVALID_INPUT", input: input.name });
  }
});

describe("the command line refuses", () => {
  const broken = work.write(
    "asm.ll",
    function_('  call void asm "frobnicate %eax", ""()\n  ret i32 0'),
  );
  const undefinedSymbol = work.bitcode("calls.c", "int g(void); int main(void) { return g(); }");
  const arm = work.write("arm.ll", 'target triple = "aarch64-linux-gnu"\n');

  test.each<[string, string[], RegExp, number?]>([
    ["an unknown target", [good, "--target", "pdp11"], /good\.bc: .*pdp11.*UNKNOWN_TARGET/],
    ["a target without ELF", [good, "--target", "x86_64-apple-macos"], /no ELF objects/],
    ["an unknown CPU", [good, "--cpu", "z80"], /good\.bc: unknown CPU 'z80'/],
    ["an unknown feature", [good, "--features", "+turbo"], /unknown feature '\+turbo'/],
    ["a feature without sign", [good, "--features", "avx2"], /unknown feature .*write \+name/],
    ["inputs of two targets", [good, arm], /arm\.ll: its target is aarch64.*INPUTS_DISAGREE/],
    ["assembly that does not assemble", [broken], /asm\.ll: .*frobnicate.*\[CODEGEN_FAILED\]/s],
    [
      "an undefined symbol",
      [undefinedSymbol, "--emit", "executable"],
      /undefined symbol: g\n.*calls\.c.*LINK_FAILED/s,
    ],
    ["an lld argument that it does not know", [good, "--", "--frobnicate"], /--frobnicate/],
    ["a library that is missing", [good, "--", "-lnowhere"], /unable to find library -lnowhere/],
    ["no input", [], /missing required argument 'input'/, 2],
    ["an unknown flag", [good, "--frobnicate"], /unknown option '--frobnicate'/, 2],
    ["a misspelt flag", [good, "--treads", "2"], /--treads/, 2],
    ["an unknown level", [good, "-O9"], /-O .*invalid/, 2],
    ["an unknown kind of output", [good, "--emit", "dll"], /--emit.*invalid/, 2],
    ["no threads", [good, "--threads", "0"], /--threads.*invalid/, 2],
    ["a store of unknown kind", [good, "--cache", "gopher://x"], /no store for URLs/, 2],
  ])("%s", (...[, args, words, status]) => {
    expectFailure(args, words, status);
  });

  test("no command, and an unknown one", () => {
    for (const args of [["frobnicate"], ["build", good]])
      expect(finegrain(args)).toMatchObject({ status: 2, stdout: "" });
  });
});

describe("the API refuses, with code INVALID_OPTION,", () => {
  const options: BuildOptions = { inputs: [sound], output: work.path("api.o"), cache };

  test.each<[string, object, RegExp]>([
    ["an unknown option", { outptu: "x" }, /outptu/],
    ["an unknown level", { level: "O9" }, /^level: .*O9/],
    ["a level that is a number", { level: 2 }, /^level: /],
    ["an unknown kind", { emit: "dll" }, /^emit: .*dll/],
    ["unknown units", { units: "file" }, /^units: /],
    ["no inputs", { inputs: [] }, /^inputs: at least one/],
    ["an input without a name", { inputs: [{ bytes: goodBytes }] }, /^inputs\.0/],
    ["an input of text", { inputs: [{ name: "x", bytes: "x" }] }, /^inputs\.0/],
    ["an input that is a number", { inputs: [3] }, /^inputs\.0/],
    ["an empty output", { output: "" }, /^output: must not be empty/],
    ["half a thread", { threads: 0.5 }, /^threads: /],
    ["too many threads", { threads: 1e9 }, /^threads: /],
    ["a cache that is false", { cache: false }, /^cache: /],
    ["an unknown option of the link", { link: { arg: [] } }, /^link/],
    ["a signal that is none", { signal: {} }, /^signal: /],
    ["progress that is no function", { onProgress: 1 }, /^onProgress: /],
  ])("%s", async (_, wrong, words) => {
    await expect(build({ ...options, ...wrong } as BuildOptions)).rejects.toMatchObject({
      name: "FinegrainError",
      code: "INVALID_OPTION",
      message: expect.stringMatching(words),
    });
  });

  test("an unknown option of compile", async () => {
    const wrong = { input: sound, output: "x" };
    await expect(compile(wrong)).rejects.toMatchObject({ code: "INVALID_OPTION" });
  });
});

describe("an output that cannot be written", () => {
  mkdirSync(work.path("folder"));
  test.each([
    ["in a missing folder", () => work.path("missing", "x.o"), /ENOENT/],
    ["in place of a folder", () => work.path("folder"), /folder: is a folder/],
    ["below a file", () => path.join(good, "x.o"), /ENOTDIR|EACCES/],
    ["where no file can be made", () => "/proc/finegrain.o", /finegrain\.o/],
  ])("%s", async (_, output, words) => {
    for (const emit of ["object", "asm"] as const)
      await expect(build({ inputs: [good], output: output(), emit, cache })).rejects.toMatchObject({
        message: expect.stringMatching(words),
        code: expect.stringMatching(/OUTPUT_FAILED|LINK_FAILED/),
      });
    expect(readdirSync(work.path("folder"))).toEqual([]);
  });
});

test("a build that fails leaves the output as it was", async () => {
  const output = work.path("existing.so");
  writeFileSync(output, "as it was");
  const inputs = [work.bitcode("misses.c", "int g(void); int f(void) { return g(); }")];
  const link = { args: ["--no-undefined"] };
  await expect(build({ inputs, output, link, cache })).rejects.toMatchObject({
    code: "LINK_FAILED",
  });
  expect(readFileSync(output, "utf8")).toBe("as it was");
});
