/**
 * A fingerprint tells that a function of a changed module gives the unit that it
 * gave before. If one is the same, so must the unit be, byte for byte; and edits
 * that only renumber things must leave it the same, or it is of no use.
 */

import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { build } from "../lib";
import { type InputModule, native, piece } from "../lib/native";
import { costOf, run, Workspace } from "./helpers";
import { mutated } from "./mutations";
import { Random } from "./random";

const work = new Workspace();
const mutations = Number(process.env.FINEGRAIN_MUTATIONS ?? 4000);

interface FoundUnit {
  fingerprint: string;
  /** All that is known of it. */
  content: string;
}

async function readOne(bytes: Uint8Array): Promise<InputModule> {
  const [module] = await native.readModules(bytes, "module");
  return module!;
}

function split(module: InputModule, known = "") {
  const { bitcode, smallFunctions } = module;
  const part = { shard: 0, shardCount: 1, known, fingerprints: true };
  // Memories of modules with other ids are not asked.
  const how = { byFunction: true, keepTypeAliasing: true, forSimplify: true, moduleId: "ID" };
  return native.splitModule(bitcode, { ...how, ...part, smallFunctions });
}

/** By name. Units of data have no fingerprint. */
async function unitsOf(module: InputModule): Promise<Map<string, FoundUnit>> {
  const { labels, fingerprints, digests, symbolsDigests, wholeReason } = await split(module);
  if (wholeReason !== "") return new Map();
  const names = Buffer.from(labels).toString().split("\0").slice(0, -1);
  const part = (digits: string, size: number, i: number) => digits.slice(size * i, size * (i + 1));
  return new Map(
    names.map((name, i) => {
      const content = part(digests, 64, i) + part(symbolsDigests, 32, i);
      return [name, { fingerprint: part(fingerprints, 32, i), content }];
    }),
  );
}

const hasPrint = ({ fingerprint }: FoundUnit) => !/^0+$/.test(fingerprint);

const program = `
  struct node { struct node *next; int key; long weight; };
  static const char *const names[] = {"one", "two"};
  int total;
  static int keyOf(const struct node *n) { return n->key; }
  static int heavy(const struct node *n) { return n->weight > 100 ? keyOf(n) : 0; }
  int sum(const struct node *n) { int s = 0; for (; n; n = n->next) s += keyOf(n); return s; }
  int count(const struct node *n) { int s = 0; for (; n; n = n->next) s += heavy(n); return s; }
  const char *name(int i) { total += i; return i < 2 ? names[i] : "many"; }
  void put(struct node *n) { struct node copy = *n; copy.weight += 3; *n = copy; }
  int last(void) { return total; }`;

test.each([
  ["a string", "{ total += i;", '{ total += i + "new"[i];', ["name"]],
  ["a type and a variable", "int total;", "int total; struct { char a; double b; } pair;", []],
  ["a function and its call", "{ return total; }", "{ return f(total); }", ["f", "last"]],
  ["a field at the end", "long weight;", "long weight; long more;", ["put"]],
  ["a constant in a small function", "->key;", "->key + 1;", ["heavy", "sum"]],
  ["a function's name", "last(void)", "first(void)", ["first"]],
])("%s: other functions are known", async (_, before, after, changed) => {
  const old = await readOne(readFileSync(work.bitcode("program.c", program)));
  const source = `int f(int);\n${program.replace(before, after)}\nint f(int i) { return 3 * i; }`;
  const edited = await readOne(readFileSync(work.bitcode("program.c", source)));
  expect(edited.tablesDigest).not.toBe(old.tablesDigest);

  const [oldUnits, units] = [await unitsOf(old), await unitsOf(edited)];
  const known = new Set([...oldUnits.values()].map(({ fingerprint }) => fingerprint));
  const isNew = (name: string) => !known.has(units.get(name)!.fingerprint);
  const names = [...units.keys()].filter((name) => hasPrint(units.get(name)!));
  expect(names.filter(isNew).sort()).toEqual([...new Set([...changed, "f"])].sort());
  expectSound(oldUnits, units, "the edit");
});

test("units that are known are not made", async () => {
  const module = await readOne(readFileSync(work.bitcode("known.c", program)));
  const all = await split(module);
  const again = await split(module, all.fingerprints);
  const made = Buffer.from(again.labels).toString();
  expect(made).toBe("data\0");
  const known = new Set([...again.indices, ...again.knownIndices, ...again.optional]);
  expect([...all.indices].every((index) => known.has(index))).toBe(true);
  again.knownPlaces.forEach((place, i) => {
    expect(again.knownIndices[i]).toBe(all.indices[place]);
    expect(piece(again.knownLoaded, i)).toEqual(piece(all.loaded, place));
  });
});

test("a small function that only known units refer to", async () => {
  const source = (k: number, more: string) => `
    ${more}
    static int tiny(int x) { return x + ${k}; }
    int (*volatile chosen)(int);
    __attribute__((noinline)) static void choose(int x) {
      for (int i = 0; i < x; i++) { chosen = i % 2 ? tiny : 0; chosen = chosen ? chosen : tiny; }
    }
    int main(int argc, char **argv) { choose(argc + 1); return chosen(argc); }`;
  const inputs = [work.path("tiny.bc")];
  const output = work.path("tiny");
  const cache = work.path("tiny-cache");
  for (const [k, more] of [
    [1, ""],
    [7, "double table[3];"],
    [7, "double table[4]; float other;"],
  ] as const) {
    work.bitcode("tiny.c", source(k, more));
    await costOf({ inputs, output, cache });
    expect(run(output).status).toBe(k + 1);
  }
});

test("a small function to which nobody refers any more is no unit", async () => {
  const source = (use: string, more: string) => `
    ${more}
    static int tiny(int x) { return x * 7; }
    int (*volatile chosen)(int);
    void choose(int n) { for (int i = 0; i < n; i++) { ${use} } }
    int other(int n) { for (int i = 0; i < n; i++) n ^= i * 3; return n; }`;
  const read = (use: string, more: string) =>
    readOne(readFileSync(work.bitcode("user.c", source(use, more))));
  const before = await split(await read("chosen = tiny;", ""));
  const module = await read("chosen = tiny(i) ? 0 : chosen;", "double table[3];");
  const [again, all] = [await split(module, before.fingerprints), await split(module)];
  expect(again.knownIndices.length).toBe(1);
  expect([...again.indices, ...again.knownIndices].sort()).toEqual([...all.indices].sort());
});

test("what an earlier version of the module left is taken up by builds", async () => {
  const output = work.path("taken.so");
  const cache = work.path("taken-cache");
  const inputs = [work.bitcode("taken.c", program)];
  await build({ inputs, output, cache, units: "function" });
  work.bitcode("taken.c", program.replace("{ total += i;", '{ total += i + "new"[i];'));
  expect(await costOf({ inputs, output, cache })).toEqual({ simplified: 1, emitted: 1 });
});

const constructs = path.join(__dirname, "fixtures/ir/constructs.ll");
const templates = `
  #include <algorithm>
  #include <memory>
  #include <vector>
  struct Shape { virtual ~Shape() {} virtual double area() const { return 0; } };
  struct Square : Shape { double side; double area() const override { return side * side; } };
  double sum(std::vector<std::unique_ptr<Shape>> &all, bool isSorted) {
    auto isLess = [](auto &a, auto &b) { return a->area() < b->area(); };
    if (isSorted) std::sort(all.begin(), all.end(), isLess);
    double total = 0;
    try { for (auto &one : all) total += one->area(); all.push_back(std::make_unique<Square>()); }
    catch (int) { total = -1; }
    return total;
  }`;

test.each([
  ["of many kinds of instructions", () => readFileSync(constructs, "latin1"), mutations],
  ["of C++ templates", () => disassembled(work.bitcode("shapes.cc", templates)), mutations / 40],
])("a module %s, with random words changed", async (what, source, count) => {
  const random = new Random("changed words");
  const text = source();
  const before = await unitsOf(await readOne(Buffer.from(text, "latin1")));
  let valid = 0;
  for (let attempt = 0; valid < count; attempt++) {
    const changed = mutated(text, random);
    const after = await readOne(Buffer.from(changed, "latin1"))
      .then(unitsOf)
      .catch(() => undefined);
    if (!after) continue;
    valid++;
    if (isSound(before, after) || losesAccessTypes(changed)) continue;
    expectSound(before, after, `seed ${random.seed}: change ${attempt} of a module ${what}`);
  }
});

function disassembled(bitcode: string): string {
  return execFileSync("llvm-dis-22", [bitcode, "-o", "-"], { encoding: "latin1" });
}

/** Where one access is tagged wrongly, LLVM's reader drops the tags of all that it reads later. */
function losesAccessTypes(text: string): boolean {
  return spawnSync("opt-22", ["-passes=verify", "-disable-output"], { input: text }).status !== 0;
}

type Units = ReadonlyMap<string, FoundUnit>;

/** Units of `after` that should be as in `before`, and what they should be. */
function* sharedUnits(before: Units, after: Units): Generator<[string, string, string]> {
  const known = new Map([...before.values()].filter(hasPrint).map((u) => [u.fingerprint, u]));
  for (const [name, { fingerprint, content }] of after) {
    const same = known.get(fingerprint);
    if (same) yield [name, content, same.content];
  }
}

function isSound(before: Units, after: Units): boolean {
  return [...sharedUnits(before, after)].every(([, found, expected]) => found === expected);
}

function expectSound(before: Units, after: Units, where: string): void {
  for (const [name, found, expected] of sharedUnits(before, after))
    expect([where, name, found]).toEqual([where, name, expected]);
}
