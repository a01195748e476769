/** A body says what code does, not what things are called: names change no key, code does. */

import { build, split } from "../lib";
import { clang, run, Workspace } from "./helpers";
import { Random } from "./random";

const work = new Workspace();

let written = 0;
const digestOf = async (ir: string) => {
  const units = await split(work.write(`${written++}.ll`, ir));
  return units.map(({ digest }) => digest).join();
};

const ir = `
source_filename = "sum.c"
target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64-pc-linux-gnu"

%pair = type { i32, i32 }
$inlined = comdat any

@counter = internal global i32 7, align 4
@local = thread_local(localdynamic) global i32 0, section ".tdata"
@limit = external global i32
@limits = external global i32

define i32 @sum(ptr %p) #0 {
  %first = load i32, ptr %p, align 4
  %right = getelementptr inbounds %pair, ptr %p, i32 0, i32 1
  %second = load i32, ptr %right, align 4
  %both = add nsw i32 %first, %second
  %result = call i32 @helper(i32 %both)
  ret i32 %result
}

define internal i32 @helper(i32 %x) {
  %count = load i32, ptr @counter, align 4
  %max = load i32, ptr @limit, align 4
  %least = load i32, ptr @limits, align 4
  %a = call i32 @outside(i32 %max)
  %b = call i32 @elsewhere(i32 %a, i32 %least)
  call void @inlined(ptr sret(%pair) @local, i32 %count)
  ret i32 %b
}

define linkonce_odr hidden void @inlined(ptr sret(%pair) %out, i32 %x) comdat {
  store i32 %x, ptr %out, align 4
  ret void
}

declare i32 @outside(i32)
declare i32 @elsewhere(i32, i32)

attributes #0 = { nounwind "frame-pointer"="none" }
!llvm.module.flags = !{!0}
!llvm.ident = !{!1}
!0 = !{i32 8, !"PIC Level", i32 2}
!1 = !{!"some compiler version 1"}
`;

/** Replaces every occurrence of `from`, of which there must be one at least. */
function edit(text: string, from: string | RegExp, to: string): string {
  const edited = text.replaceAll(
    from instanceof RegExp ? from : new RegExp(escaped(from), "g"),
    to,
  );
  if (edited === text) throw new Error(`no ${from} to replace`);
  return edited;
}
const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

const declarations = /^(declare|@\w+ = external).*\n/gm;

describe("one key for modules that differ in", () => {
  test.each<[string, (text: string) => string]>([
    ["a function's name", (text) => edit(text, "@sum", "@total")],
    ["the name of a static function", (text) => edit(text, "@helper", "@assistant")],
    ["a static function's name with a suffix", (text) => edit(text, "@helper", "@helper.123")],
    ["a variable's name", (text) => edit(text, "@counter", "@events")],
    ["a declaration's name", (text) => edit(text, "@outside", "@abroad")],
    ["names that change places", (text) => edit(edit(text, "@limit ", "@x "), "@limit,", "@x,")],
    ["the name of a comdat and its leader", (text) => edit(text, /\binlined\b/g, "vague")],
    ["quoted names", (text) => edit(text, "@sum", '@"sum (of two)"')],
    ["names of values", (text) => edit(text, "%both", "%either")],
    ["the source file's name", (text) => edit(text, "sum.c", "src/total.c")],
    ["a type's name", (text) => edit(text, "%pair", "%struct.couple")],
    ["the producer's words", (text) => edit(text, "some compiler version 1", "other 2")],
    ["a producer that has a symbol's name", (text) => edit(text, "some compiler", "the helper")],
    ["no producer", (text) => edit(text, /^!llvm.ident.*\n/gm, "")],
    ["the module's own name", (text) => `; ModuleID = 'other'\n${text}`],
    [
      "the order of declarations",
      (text) => edit(text, declarations, "") + text.match(declarations)!.reverse().join(""),
    ],
    [
      "how a declaration says that functions are compiled",
      (text) => edit(text, "@outside(i32)\n", '@outside(i32) "target-cpu"="x" "tune-cpu"="y"\n'),
    ],
    [
      "declarations that are not used",
      (text) => `${text}\ndeclare void @unused()\n@unneeded = external global i32\n`,
    ],
  ])("%s", async (_, change) => {
    expect(change(ir)).not.toBe(ir);
    expect(await digestOf(change(ir))).toBe(await digestOf(ir));
  });

  test("the form that the producer wrote", async () => {
    const text = work.write("form.ll", ir);
    const bitcode = work.path("form.bc");
    clang(["-c", "-emit-llvm", "-Xclang", "-disable-llvm-passes", text, "-o", bitcode]);
    const [unit] = await split(bitcode);
    expect(unit!.digest).toBe(await digestOf(ir));
  });
});

describe("two keys for modules that differ in", () => {
  test.each<[string, string | RegExp, string]>([
    ["an instruction", "add nsw i32 %first", "sub nsw i32 %first"],
    ["a flag of an instruction", "add nsw", "add"],
    ["a constant", "i32 7", "i32 8"],
    ["an attribute", "nounwind", "nounwind noinline"],
    ["a string attribute", '"frame-pointer"="none"', '"frame-pointer"="all"'],
    ["how a function is compiled", "nounwind", 'nounwind "tune-cpu"="znver4"'],
    ["an attribute of a declaration", "@outside(i32)\n", "@outside(i32) cold\n"],
    ["a parameter's attribute", "declare i32 @outside(i32)", "declare i32 @outside(i32 signext)"],
    ["a function's linkage", "define i32 @sum", "define weak i32 @sum"],
    ["whether a function is static", "define internal", "define"],
    ["a variable's linkage", "@counter = internal", "@counter = private"],
    ["visibility", "linkonce_odr hidden", "linkonce_odr"],
    ["visibility of a declaration", "declare i32 @outside", "declare hidden i32 @outside"],
    ["weakness of a declaration", "declare i32 @outside", "declare extern_weak i32 @outside"],
    ["alignment of a variable", "i32 7, align 4", "i32 7, align 8"],
    ["alignment of a load", "ptr %p, align 4", "ptr %p, align 1"],
    ["alignment of a function", ") #0 {", ") #0 align 64 {"],
    ["section", ".tdata", ".tdata.mine"],
    ["TLS model", "localdynamic", "initialexec"],
    ["whether a variable is constant", "internal global", "internal constant"],
    ["unnamed_addr", "internal global", "internal unnamed_addr global"],
    ["a comdat's kind", "comdat any", "comdat nodeduplicate"],
    ["a calling convention", "declare i32 @outside", "declare fastcc i32 @outside"],
    ["the fields of a type", "{ i32, i32 }", "{ i64, i32 }"],
    ["a module flag", '"PIC Level", i32 2', '"PIC Level", i32 1'],
    ["data layout", "-S128", "-S64"],
    ["which symbol is used", "load i32, ptr @limit,", "load i32, ptr @limits,"],
    ["whom a call calls", "call i32 @outside(i32 %max)", "call i32 @outside(i32 %least)"],
    ["whether two symbols are one", "@limits", "@limit"],
    ["the order of definitions", /^(@counter.*\n)(@local.*\n)/gm, "$2$1"],
    ["the name of a library function", "@outside", "@abs"],
    ["module assembly", "%pair = type", 'module asm ".globl x"\n%pair = type'],
  ])("%s", async (_, from, to) => {
    let changed = edit(ir, from, to);
    // One declaration is enough where two names have become one.
    if (to === "@limit") changed = changed.replace("@limit = external global i32\n", "");
    expect(await digestOf(changed)).not.toBe(await digestOf(ir));
  });
});

test("a program under new names is all hits, has the new names and runs", async () => {
  const cache = work.path("cache");
  const programOf = async (add: string, node: string, folder: string) => {
    const types = `struct ${node} { int value; struct ${node} *next; };`;
    const inputs = [
      work.bitcode(
        `${folder}-main.c`,
        `${types}
        int ${add}(struct ${node} *);
        extern int ${add}_calls;
        int printf(const char *, ...);
        int main(void) {
          struct ${node} last = {30, 0}, first = {12, &last};
          int sum = ${add}(&first);
          printf("%d %d\\n", sum, ${add}_calls);
        }`,
        ["-Xclang", "-relaxed-aliasing"],
      ),
      work.bitcode(
        `${folder}-add.c`,
        `${types}
        int ${add}_calls;
        static int step_of_${add}(struct ${node} *n) { return n ? n->value : 0; }
        int ${add}(struct ${node} *n) {
          int sum = 0;
          for (; n; n = n->next) sum += step_of_${add}(n), ${add}_calls++;
          return sum;
        }`,
        ["-Xclang", "-relaxed-aliasing"],
      ),
    ];
    const output = work.path(`program-${folder}`);
    const { cache: counts } = await build({ inputs, output, cache });
    expect(run(output).stdout).toBe("42 2\n");
    const symbols = run("llvm-nm-22", ["--defined-only", "--format=just-symbols", output]).stdout;
    return { hits: counts.hits, symbols: symbols.split("\n") };
  };

  const first = await programOf("add_up", "node", "one");
  expect(first.hits).toBe(0);
  expect(first.symbols).toEqual(expect.arrayContaining(["add_up", "add_up_calls", "main"]));

  const second = await programOf("total", "item", "two");
  expect(second.hits).toBe(2);
  expect(second.symbols).toEqual(expect.arrayContaining(["total", "total_calls", "main"]));
  expect(second.symbols).not.toContain("add_up");
});

test("random names and random order of declarations change no key", async () => {
  const random = new Random("canonical");
  const file = work.write(
    "random.c",
    `
    struct tree { struct tree *left, *right; long key; };
    struct box { struct tree *root; int (*order)(long, long); };
    extern long ext_count, ext_limit; extern struct box ext_box;
    long ext_hash(long), ext_mix(long, struct tree *); void ext_note(const char *, ...);
    static long sta_cache[16]; long var_total; static __thread int sta_depth;
    static int sta_less(long a, long b) { sta_depth++; return ext_hash(a) < ext_hash(b); }
    static long sta_walk(struct tree *t) {
      if (!t) return ext_limit;
      ext_note("node %ld", t->key);
      return sta_walk(t->left) + ext_mix(t->key, t) + sta_walk(t->right);
    }
    long fun_sum(struct box *b) {
      if (b->order == sta_less) ext_count++;
      var_total += sta_walk(b->root) + ext_box.order(1, 2);
      return sta_cache[var_total & 15]++;
    }
    struct box var_box = {0, sta_less};
    __attribute__((weak)) long fun_weak(struct tree *t) { return fun_sum(&var_box) + t->key; }
    `,
  );
  const text = work.path("random.ll");
  const flags = ["-O1", "-fPIC", "-Xclang", "-disable-llvm-passes", "-fno-strict-aliasing"];
  clang([...flags, "-S", "-emit-llvm", file, "-o", text]);
  const source = run("cat", [text]).stdout;
  const expected = await digestOf(source);
  const names = [...new Set(source.match(/(?<=[@%])((ext|sta|var|fun)_\w+|struct\.\w+)/g))];
  expect(names.length).toBeGreaterThan(12);

  for (let round = 0; round < 25; round++) {
    expect({ round, digest: await digestOf(disguise(source, names, random)) }).toEqual({
      round,
      digest: expected,
    });
  }
});

/** Renames at random, and moves declarations to random places among the definitions. */
function disguise(source: string, names: string[], random: Random): string {
  const numbers = random.shuffled(names.map((_, index) => index));
  const newNames = new Map(names.map((name, i) => [name, `n${numbers[i]}_${random.below(1e9)}`]));
  const renamed = source
    .replace(/(?<=[@%])[\w.]+/g, (name) => newNames.get(name) ?? name)
    .replace(/source_filename = .*/, `source_filename = "${random.below(1e9)}.c"`);
  const isDeclaration = (part: string) => /^(; .*\n)?(declare|@\w+ = external)/.test(part);
  // Each function and each line between them is a part.
  const parts = renamed.match(/^define[\s\S]*?^}\n|^.*\n/gm)!;
  const rest = parts.filter((part) => !isDeclaration(part));
  for (const part of random.shuffled(parts.filter(isDeclaration)))
    rest.splice(4 + random.below(rest.length - 4), 0, part);
  return rest.join("");
}

test("a caller's unit does not tell whether what it calls handles exceptions", async () => {
  const source = (statement: string) => `
    int risky(int);
    __attribute__((noinline)) int callee(int x) {
      for (int i = 0; i < x; i++) { ${statement} }
      return x;
    }
    int caller(int x) { return callee(x + 1) * callee(x + 2); }`;
  const caller = async (statement: string) => {
    const units = await split(work.bitcode("risk.cc", source(statement)), { units: "function" });
    return units.find(({ name }) => name.includes("6caller"))!.digest;
  };
  const guarded = "try { x += risky(i); } catch (...) { x = 0; }";
  expect(await caller(guarded)).toBe(await caller("x += risky(i);"));
});

test("what strings of other functions there are leaves units as they are", async () => {
  const source = (text: string) => `
    extern "C" int puts(const char *);
    int first(int x) { ${text} return x; }
    int second(int x) { for (int i = 0; i < x; i++) puts("second"); return x; }`;
  const second = async (text: string) => {
    const units = await split(work.bitcode("text.cc", source(text)), { units: "function" });
    return units.find(({ name }) => name.includes("second"))!;
  };
  const [before, after] = [await second(""), await second('puts("one"); puts("two");')];
  expect(after).toEqual({ ...before, body: after.body });
  expect(after.digest).toBe(before.digest);
});
