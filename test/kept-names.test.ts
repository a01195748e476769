/** Names that carry meaning to the optimiser, the assembler or the loader keep it. */

import { readFileSync } from "node:fs";
import { build, compile } from "../lib";
import { run, Workspace } from "./helpers";

const work = new Workspace();

const asmOf = async (input: string) =>
  Buffer.from(await compile({ input, emit: "asm" })).toString();

/** Builds a program of C, C++ or textual IR, by the sources' names, and runs it. */
async function outputOf(name: string, sources: Record<string, string>): Promise<string> {
  const inputs = Object.entries(sources).map(([file, source]) =>
    file.endsWith(".ll") ? work.write(file, source) : work.bitcode(file, source),
  );
  const output = work.path(name);
  await build({ inputs, output, cache: work.path("cache"), link: { args: ["-lstdc++"] } });
  const { status, stdout } = run(output);
  expect(status).toBe(0);
  return stdout;
}

test("library functions are known to the optimiser", async () => {
  const source = `
    int printf(const char *, ...); unsigned long strlen(const char *);
    static void greet(void) { printf("hello\\n"); }
    unsigned long size(void) { greet(); return strlen("four"); }`;
  const asm = await asmOf(work.bitcode("greet.c", source));
  expect(asm).toMatch(/(call|jmp)q?\s+puts/);
  expect(asm).not.toMatch(/printf|strlen/);
});

test("a function of the user's own that is no library function gets no such meaning", async () => {
  // A body has local names: none may read as a library function's.
  const source = `
    int my_printf(const char *, ...);
    int greet(void) { return my_printf("hello\\n"); }`;
  expect(await asmOf(work.bitcode("mine.c", source))).toMatch(/my_printf/);
});

test("exceptions find their personality, types and handlers across modules", async () => {
  const stdout = await outputOf("exceptions", {
    "thrower.cc": `
      #include <stdexcept>
      void check(int x) { if (x > 1) throw std::out_of_range("too large"); }`,
    "catcher.cc": `
      #include <cstdio>
      #include <stdexcept>
      void check(int);
      struct Guard { ~Guard() { std::puts("unwound"); } };
      int main() {
        try { Guard guard; check(2); }
        catch (const std::logic_error &error) { std::puts(error.what()); }
      }`,
  });
  expect(stdout).toBe("unwound\ntoo large\n");
});

test("constructors and destructors run", async () => {
  const source = `
    int puts(const char *);
    __attribute__((constructor)) static void first(void) { puts("first"); }
    __attribute__((destructor)) static void last(void) { puts("last"); }
    int main(void) { return puts("main") < 0; }`;
  expect(await outputOf("constructors", { "constructors.c": source })).toBe("first\nmain\nlast\n");
});

// On x86-64, whose assembly the texts are.
const asmPrograms: Record<string, string> = {
  "a call in inline assembly": `
    __attribute__((used)) static int answer(void) { return 42; }
    int ask(void) { int x; __asm__("call answer" : "=a"(x) :: "rcx", "rdx", "memory", "cc"); return x; }`,
  "an immediate operand in inline assembly": `
    __attribute__((used, section(".data.rel"))) static int answer = 42;
    int ask(void) {
      int *p;
      __asm__(".pushsection .data.rel; 1: .quad answer; .popsection; movq 1b(%%rip), %0" : "=r"(p));
      return *p;
    }`,
  "a function that module assembly defines": `
    __asm__(".globl answer\\nanswer: movl $42, %eax\\nret");
    int answer(void);
    int ask(void) { return answer(); }`,
  "a variable that module assembly reads": `
    __asm__(".globl read_it\\nread_it: movl answer(%rip), %eax\\nret");
    __attribute__((used)) static int answer = 42;
    int read_it(void);
    int ask(void) { return read_it(); }`,
  "an alias and a weak symbol": `
    static int real(void) { return 42; }
    int answer(void) __attribute__((alias("real"), weak));
    extern int nowhere(void) __attribute__((weak));
    int ask(void) { return nowhere ? 0 : answer(); }`,
  "a section's start and stop": `
    __attribute__((section("numbers"), used)) static int a = 40, b = 2;
    extern int __start_numbers[], __stop_numbers[];
    int ask(void) { int s = 0; for (int *p = __start_numbers; p < __stop_numbers; p++) s += *p; return s; }`,
  "an indirect function": `
    static int real(void) { return 42; }
    static void *choose(void) { return (void *)real; }
    int answer(void) __attribute__((ifunc("choose")));
    int ask(void) { return answer(); }`,
  "a name with an escape": `
    static int inner(void) __asm__("\\1answer");
    __asm__(".globl ask\\nask: subq $8, %rsp\\ncall answer\\naddq $8, %rsp\\nret");
    __attribute__((used)) static int inner(void) { return 42; }`,
};
const ask = `int printf(const char *, ...); int ask(void); int main(void) { printf("%d", ask()); }`;

test.each(Object.entries(asmPrograms))("%s", async (name, source) => {
  expect(await outputOf(name, { "ask.c": source, "main.c": ask })).toBe("42");
});

test("assembly may name a symbol as an immediate", async () => {
  const source = `
    static int hidden_value;
    void *where(void) { void *p; __asm__("movabsq $hidden_value, %0" : "=r"(p)); return p; }
    int touch(void) { return hidden_value++; }`;
  const object = await compile({ input: work.bitcode("where.c", source) });
  const file = work.write("where.o", object);
  const symbols = run("llvm-nm-22", [file]).stdout;
  expect(symbols).toMatch(/ b hidden_value\n/);
  expect(symbols).not.toMatch(/ U hidden_value\n/);
});

test("the vectoriser finds a vector variant by its name", async () => {
  const loop = `
    target triple = "x86_64-pc-linux-gnu"
    target datalayout = "e-m:e-i64:64-i128:128-f80:128-n8:16:32:64-S128"
    define void @apply(ptr %x) {
    entry:
      br label %loop
    loop:
      %i = phi i64 [ 0, %entry ], [ %next, %loop ]
      %p = getelementptr double, ptr %x, i64 %i
      %v = load double, ptr %p
      %r = call double @scale(double %v) #0
      store double %r, ptr %p
      %next = add nuw nsw i64 %i, 1
      %done = icmp eq i64 %next, 1024
      br i1 %done, label %end, label %loop
    end:
      ret void
    }
    declare double @scale(double) #1
    declare <2 x double> @scale_two(<2 x double>)
    @llvm.compiler.used = appending global [1 x ptr] [ptr @scale_two], section "llvm.metadata"
    attributes #0 = { nounwind memory(none) "vector-function-abi-variant"="_ZGVbN2v_scale(scale_two)" }
    attributes #1 = { nounwind memory(none) }
  `;
  expect(await asmOf(work.write("apply.ll", loop))).toMatch(/callq\s+scale_two/);
});

test("an allocator that is cleared becomes its zeroed variant", async () => {
  const source = `
    target triple = "x86_64-pc-linux-gnu"
    define ptr @make() {
      %p = call noalias ptr @my_alloc(i64 64)
      call void @llvm.memset.p0.i64(ptr align 1 %p, i8 0, i64 64, i1 false)
      ret ptr %p
    }
    declare noalias ptr @my_alloc(i64) #0
    declare noalias ptr @my_zeroed(i64) #1
    declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
    attributes #0 = { nounwind willreturn allockind("alloc,uninitialized") allocsize(0) "alloc-family"="mine" "alloc-variant-zeroed"="my_zeroed" }
    attributes #1 = { nounwind willreturn allockind("alloc,zeroed") allocsize(0) "alloc-family"="mine" }
  `;
  const asm = await asmOf(work.write("make.ll", source));
  expect(asm).toMatch(/my_zeroed/);
  expect(asm).not.toMatch(/my_alloc|memset/);
});

test("a module whose names look like local names is compiled with them", async () => {
  const source = `
    target triple = "x86_64-pc-linux-gnu"
    define i32 @fg.1() {
      ret i32 42
    }
    define i32 @ask() {
      %x = call i32 @fg.1()
      ret i32 %x
    }
  `;
  expect(await outputOf("locals", { "locals.ll": source, "main2.c": ask })).toBe("42");
});

test("bitcode and assembly hold the program's names", async () => {
  const input = work.bitcode("names.c", `static int inner; int *outer(void) { return &inner; }`);
  for (const emit of ["asm", "bitcode"] as const) {
    const output = work.path(`names.${emit}`);
    await build({ inputs: [input], output, emit, cache: "off" });
    const text =
      emit === "asm"
        ? readFileSync(output, "utf8")
        : run("llvm-dis-22", [output, "-o", "-"]).stdout;
    expect(text).toMatch(/\bouter\b/);
    expect(text).toMatch(/names\.c/);
    expect(text).not.toMatch(/fg\.\d/);
  }
});
