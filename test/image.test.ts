import { existsSync, readFileSync } from "node:fs";
import koffi from "koffi";
import { build, Image } from "../lib";
import { native } from "../lib/native";
import { Workspace } from "./helpers";

const work = new Workspace();
koffi.load(null); // before its first load, koffi crashes on bare addresses

type Options = Partial<Parameters<typeof build>[0]>;

/** Builds an image from C or C++ sources, one module each. */
async function buildImage(name: string, sources: Record<string, string>, options: Options = {}) {
  const target = options.target === undefined ? [] : [`--target=${options.target}`];
  const inputs = Object.entries(sources).map(([file, text]) => work.bitcode(file, text, target));
  const output = work.path(`${name}.so`);
  await build({ inputs, output, emit: "image", cache: "off", ...options });
  return output;
}

const onInt = koffi.proto("int on_int(int)");
const getInt = koffi.proto("int get_int(void)");
const getUint64 = koffi.proto("uint64_t get_uint64(void)");

describe("functions and slots", () => {
  const counters = `
#include <stdint.h>
uint64_t first = 7;
void *pointer = 0;
const uint64_t constant = 1;
_Thread_local uint64_t per_thread = 2;
static uint64_t internal = 3;
__attribute__((visibility("hidden"))) uint64_t hidden = 4;
uint32_t narrow = 5;
struct { uint64_t a, b; } wide = {6, 6};
struct { uint32_t a, b; } two_halves = {1, 2};
uint64_t get_first(void) { return first; }
uint64_t get_rest(void) { return constant + per_thread + internal++ + hidden + narrow + wide.a; }
static int helper(int x) { return x + 1; }
int add_two(int x) { return helper(helper(x)); }
__attribute__((visibility("hidden"))) int hidden_function(void) { return 0; }
`;
  const other = `
#include <stdint.h>
extern uint64_t first;
uint64_t second = 20;
int add_two(int);
int add_five(int x) { return add_two(x) + 3; }
uint64_t get_sum(void) { return first + second; }
`;
  let image: Image;
  beforeAll(async () => {
    image = Image.open(await buildImage("counters", { "counters.c": counters, "other.c": other }));
  });
  afterAll(() => image.close());

  test("an image says what it holds, in the inputs' order", () => {
    expect(image).toMatchObject({ version: 1, shardCount: 1, functionCount: 5, slotCount: 4 });
    expect(image.functionNames).toEqual([
      "get_first",
      "get_rest",
      "add_two",
      "add_five",
      "get_sum",
    ]);
    expect(image.slotNames).toEqual(["first", "pointer", "two_halves", "second"]);
  });

  test("functions are called by index and by name", () => {
    expect(koffi.call(image.functionPointer("add_two"), onInt, 40)).toBe(42);
    expect(koffi.call(image.functionPointer(3), onInt, 40)).toBe(45);
    image.functionNames.forEach((name, index) => {
      expect(image.functionPointer(index)).toBe(image.functionPointer(name));
    });
  });

  test("slots are read and written, and the image's code sees it", () => {
    expect(image.readSlot("first")).toBe(7n);
    expect(image.readSlot(0)).toBe(7n);
    expect(image.readSlot("two_halves")).toBe(0x2_0000_0001n);
    image.writeSlot("first", 2n ** 64n - 1n);
    expect(image.readSlot(0)).toBe(2n ** 64n - 1n);
    expect(koffi.call(image.functionPointer("get_first"), getUint64)).toBe(2n ** 64n - 1n);
    image.writeSlot(0, 100n);
    image.writeSlot("second", 23n);
    expect(koffi.call(image.functionPointer("get_sum"), getUint64)).toBe(123);
  });

  test.each<[string, () => unknown]>([
    ["an unknown function", () => image.functionPointer("no_such")],
    ["an unknown slot", () => image.readSlot("add_two")],
    ["an index past the end", () => image.functionPointer(5)],
    ["an index before the start", () => image.writeSlot(-1, 0n)],
    ["an index between two", () => image.readSlot(0.5)],
    ["a value that is no bigint", () => image.writeSlot(0, 5 as unknown as bigint)],
    ["a value of more than 64 bits", () => image.writeSlot(0, 2n ** 64n)],
    ["a negative value", () => image.writeSlot(0, -1n)],
    ["a path that is no string", () => Image.open(5 as unknown as string)],
  ])("%s gives INVALID_OPTION", (_, use) => {
    expect(use).toThrow(expect.objectContaining({ code: "INVALID_OPTION" }));
  });
});

test("a closed image gives IMAGE_CLOSED", async () => {
  const image = Image.open(
    await buildImage("closed", { "one.c": "long v; int f(int x){return x;}" }),
  );
  image.close();
  image.close();
  expect(image.functionNames).toEqual(["f"]);
  for (const use of [
    () => image.functionPointer(0),
    () => image.readSlot(0),
    () => image.writeSlot("v", 1n),
  ])
    expect(use).toThrow(expect.objectContaining({ code: "IMAGE_CLOSED" }));
});

test("an image may hold no functions, no slots, or neither", async () => {
  const counts = async (name: string, source: string) => {
    const image = Image.open(await buildImage(name, { [`${name}.c`]: source }));
    const { functionCount, slotCount } = image;
    image.close();
    return [functionCount, slotCount];
  };
  expect(await counts("only-slot", "long v = 1;")).toEqual([0, 1]);
  expect(await counts("only-function", "int f(int x) { return x; }")).toEqual([1, 0]);
  expect(await counts("nothing", "static int x;")).toEqual([0, 0]);
});

test("a name may hold any character, and be one that the tables use", async () => {
  const names = ["a b", 'q"uote', "naïve→", "new\nline", "$", "1", "julia_+_17", "fg.0", "header"];
  names.push("shard", "count", "fvar_ptrs", "fvar_idxs", "target", "cpu", "gvar_idxs");
  const quote = (name: string) =>
    name.replace(/[^\w.]/gu, (c) =>
      [...Buffer.from(c)].map((byte) => `\\${byte.toString(16).padStart(2, "0")}`).join(""),
    );
  const functions = names.map((name, i) => `define i32 @"${quote(name)}"() { ret i32 ${i} }\n`);
  const slots = ["gvar_offsets", "clone slots", "clone_idxs"];
  const variables = slots.map((name, i) => `@"${quote(name)}" = global i64 ${i}\n`);
  const input = { name: "odd.ll", bytes: Buffer.from([...variables, ...functions].join("")) };
  const image = Image.open(await buildImage("odd", {}, { inputs: [input] }));
  expect(image.functionNames).toEqual(names);
  names.forEach((name, i) => {
    expect(koffi.call(image.functionPointer(name), getInt)).toBe(i);
  });
  slots.forEach((name, i) => {
    expect(image.readSlot(name)).toBe(BigInt(i));
  });
});

describe("linkage", () => {
  const functions = async (name: string, sources: Record<string, string>) => {
    const image = Image.open(await buildImage(name, sources));
    return [image.functionNames, image.slotNames];
  };

  test("a weak symbol of several modules is listed once", async () => {
    const header =
      "__attribute__((weak)) int weak(void) { return 1; } __attribute__((weak)) long w;";
    const sources = { "weak1.c": header, "weak2.c": `${header} int strong(void) { return 2; }` };
    expect(await functions("weak", sources)).toEqual([["weak", "strong"], ["w"]]);
  });

  test("what the optimiser may discard is not listed", async () => {
    const source = "inline int twice(int x) { return 2 * x; } int f(int x) { return twice(x); }";
    expect(await functions("inline", { "inline.cc": source })).toEqual([["_Z1fi"], []]);
  });

  test("protected symbols are listed, since a library exports them", async () => {
    const source = '__attribute__((visibility("protected"))) int f(void) { return 1; }';
    expect(await functions("protected", { "protected.c": source })).toEqual([["f"], []]);
  });

  test("the image's own names cannot be defined by an input", async () => {
    const source = { "own.c": "int jl_image_pointers(void) { return 1; }" };
    await expect(buildImage("own", source)).rejects.toMatchObject({
      code: "INVALID_INPUT",
      message: expect.stringContaining("jl_image_pointers"),
    });
  });
});

describe("files that are refused", () => {
  /** Its constructor leaves a file behind, so that a test can see whether it ran. */
  const marked = (mark: string) => ({
    "marked.c": `
#include <fcntl.h>
__attribute__((constructor)) static void run(void) { creat("${mark}", 0600); }
int f(int x) { return x; }
`,
  });

  function expectRefusal(file: string, code: string, text: string) {
    expect(() => Image.open(file)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(text) }),
    );
    expect(() => Image.open(file)).toThrow(file);
  }

  function patched(image: string, from: Uint8Array, to: Uint8Array): string {
    const bytes = readFileSync(image);
    const at = bytes.indexOf(from);
    expect(bytes.indexOf(from, at + 1)).toBe(-1);
    bytes.set(to, at);
    return work.write("patched.so", bytes);
  }

  test("what is no image gives INVALID_IMAGE", async () => {
    expectRefusal(work.path("missing.so"), "INVALID_IMAGE", "No such file");
    expectRefusal(work.write("text.so", "no ELF at all"), "INVALID_IMAGE", "text.so");
    expectRefusal(work.write("empty.so", ""), "INVALID_IMAGE", "empty.so");
    expectRefusal(work.folder, "INVALID_IMAGE", work.folder);
    const mark = work.path("shared-ran");
    const plain = await buildImage("plain", marked(mark), { emit: "shared" });
    expectRefusal(plain, "INVALID_IMAGE", "no finegrain image");
    expect(existsSync(mark)).toBe(false);
    const image = readFileSync(await buildImage("whole", marked(mark)));
    expectRefusal(work.write("half.so", image.subarray(0, 2000)), "INVALID_IMAGE", "half.so");
    expect(existsSync(mark)).toBe(false);
  });

  test("a version that it does not know gives IMAGE_VERSION", async () => {
    const mark = work.path("version-ran");
    const image = await buildImage("version", marked(mark));
    const text = patched(image, Buffer.from("finegrain image 1"), Buffer.from("finegrain image 2"));
    expectRefusal(text, "IMAGE_VERSION", "finegrain image 2");
    expect(existsSync(mark)).toBe(false);
    const words = (...numbers: number[]) => new Uint8Array(Uint32Array.from(numbers).buffer);
    const header = patched(image, words(1, 1, 1, 0), words(9, 1, 1, 0));
    expectRefusal(header, "IMAGE_VERSION", "9");
  });

  test("an image for features that this machine lacks gives IMAGE_TARGET, unrun", async () => {
    const lacking = native
      .host()
      .features.split(",")
      .find((feature) => feature.startsWith("-"));
    if (!lacking) return console.warn("not run: this machine has every feature LLVM knows");
    const feature = lacking.slice(1);
    const mark = work.path("feature-ran");
    const image = await buildImage("feature", marked(mark), { features: `+${feature}` });
    expectRefusal(image, "IMAGE_TARGET", feature);
    expect(existsSync(mark)).toBe(false);
  });

  test("an image for a CPU that LLVM does not know gives IMAGE_TARGET", async () => {
    const { cpu } = native.host();
    const mark = work.path("cpu-ran");
    const image = await buildImage("cpu", marked(mark), { cpu });
    const unknown = cpu.replace(/.$/, "?");
    const file = patched(image, Buffer.from(`\n${cpu}\n`), Buffer.from(`\n${unknown}\n`));
    expectRefusal(file, "IMAGE_TARGET", unknown);
    expect(existsSync(mark)).toBe(false);
  });

  test("an image for this very machine opens", async () => {
    const mark = work.path("native-ran");
    Image.open(await buildImage("native", marked(mark), { cpu: "native" })).close();
    expect(existsSync(mark)).toBe(true);
  });

  test("an image for another architecture gives IMAGE_TARGET", async () => {
    const foreign = process.arch === "arm64" ? "x86_64" : "aarch64";
    const source = { "foreign.c": "int f(int x) { return x; }" };
    const image = await buildImage("foreign", source, { target: `${foreign}-linux-gnu` });
    expectRefusal(image, "IMAGE_TARGET", foreign);
  });
});
