/**
 * Type-based alias analysis tells types by name, and bodies have numbers in their
 * place, and of a struct those fields only that they use. What one function brings
 * along when it is inlined must meet its own type under its number, and no other.
 */

import { readFileSync } from "node:fs";
import { type BuildOptions, build } from "../lib";
import { run, unitsOnly, Workspace } from "./helpers";

const work = new Workspace();

const types = "struct first { int value; long rest; }; struct second { long rest; int value; };";

/** `first` comes first here, and in the setters below the type that each of them is about. */
const caller = (extra = "") =>
  work.bitcode(
    extra ? "odd-caller.c" : "caller.c",
    `${types} void __set_first(void *, int); void __set_second(void *, int);
     __attribute__((noinline))
     int same(struct first *f, struct second *s, void *p, void *q) {
       ${extra}
       f->value = 1; s->value = 2; __set_second(q, 5); __set_first(p, 3);
       return 10 * s->value + f->value;
     }
     int main(void) { struct first f; struct second s; return same(&f, &s, &f, &s); }`,
  );
const setters = work.bitcode(
  "setters.c",
  `${types} void __set_second(void *p, int x) { ((struct second *)p)->value = x; }
   void __set_first(void *p, int x) { ((struct first *)p)->value = x; }`,
);

async function program(...inputs: string[]) {
  const output = work.path("program");
  const { wholeModules } = await build({ inputs, output, units: "function", cache: "off" });
  expect(wholeModules).toEqual([]);
  return run(output).status;
}

test("a store that is inlined is seen through every pointer to its type", async () => {
  expect(await program(caller(), setters)).toBe(53);
  expect(await program(setters, caller())).toBe(53);
});

test("also where a function's text keeps names from being numbered", async () => {
  const odd = caller('__asm__("# fg.1");');
  expect(await program(odd, setters)).toBe(53);
});

test("types that differ are told apart, as C allows", async () => {
  const liar = work.bitcode(
    "liar.c",
    `${types} void __set_second(void *, int);
     __attribute__((noinline)) int told(struct first *f, void *s) {
       f->value = 1; __set_second(s, 5); return f->value;
     }
     int main(void) { struct second s; return told((struct first *)&s.value, &s); }`,
  );
  expect(await program(liar, setters)).toBe(1);
});

test("types of other names share code, and bitcode has the names back", async () => {
  const cache = work.path("cache");
  const source = (prefix: string) =>
    `struct ${prefix}_pair { struct ${prefix}_pair *next; int value; };
     int sum(struct ${prefix}_pair *p) { int x = 0; for (; p; p = p->next) x += p->value; return x; }`;
  const bitcodeOf = async (prefix: string) => {
    const output = work.path(`${prefix}.bc`);
    const input = work.bitcode(`${prefix}.c`, source(prefix));
    const common = { inputs: [input], units: "function" as const, cache, ...unitsOnly };
    const { simplify } = await build({ ...common, output: work.path("library.so") });
    await build({ ...common, link: {}, output, emit: "bitcode" as const });
    return { simplify, text: readFileSync(output, "latin1") };
  };
  await bitcodeOf("left");
  const { simplify, text } = await bitcodeOf("right");
  expect(simplify).toEqual({ lookups: 1, hits: 1 });
  expect(text).toContain("right_pair");
  expect(text).not.toMatch(/left_pair|fg\.\d/);
});

// LLVM's reader then drops the tags of all that it loads afterwards.
describe("a module with an invalid tag stays whole", () => {
  const reason = "a tag of its type-based alias analysis is invalid";
  const input = work.path("tags.ll");
  const cache = work.path("tags-cache");

  /** `misled` has its 1 back where tags count. The offset of an integer's access is to be 0. */
  const buildWith = async (offset: number, options: Partial<BuildOptions>) => {
    const access = (name: string, tag: number) => `
      define void @${name}(ptr %p) noinline { store i32 3, ptr %p, !tbaa !${tag} ret void }`;
    // So large that each thread loads a part of it.
    const padding = "x".repeat(200_000);
    const text = `
      @padding = constant [200000 x i8] c"${padding}"
      ${access("before", 5)}
      define i32 @misled(ptr %p, ptr %q) noinline {
        store i32 1, ptr %p, !tbaa !3
        store float 2.0, ptr %q, !tbaa !4
        %x = load i32, ptr %p, !tbaa !3
        ret i32 %x
      }
      ${access("after", 3)}
      define i32 @main() {
        %p = alloca i32
        %x = call i32 @misled(ptr %p, ptr %p)
        %one = icmp eq i32 %x, 1
        %status = zext i1 %one to i32
        ret i32 %status
      }
      !0 = !{!"root"}
      !1 = !{!"integer", !0, i64 0}
      !2 = !{!"real", !0, i64 0}
      !3 = !{!1, !1, i64 0}
      !4 = !{!2, !2, i64 0}
      !5 = !{!1, !1, i64 ${offset}}`;
    work.write("tags.ll", text);
    const output = work.path("program");
    const { wholeModules } = await build({
      inputs: [input],
      output,
      units: "function",
      ...options,
    });
    return { wholeModules, status: run(output).status };
  };
  const valid = { wholeModules: [], status: 1 };
  const invalid = { wholeModules: [{ name: input, reason }], status: 0 };

  test.each([1, 2])("with %d threads", async (threads) => {
    expect(await buildWith(0, { threads, cache: "off" })).toEqual(valid);
    expect(await buildWith(4, { threads, cache: "off" })).toEqual(invalid);
  });

  test("as it comes and goes", async () => {
    for (const [offset, expected] of [
      [0, valid],
      [4, invalid],
      [0, valid],
      [8, invalid],
    ] as const)
      expect(await buildWith(offset, { cache })).toEqual(expected);
  });

  test("but not where tags do not count", async () => {
    const { wholeModules } = await buildWith(4, { codegenOnly: true, cache: "off" });
    expect(wholeModules).toEqual([]);
  });
});

describe("functions that use different fields of a struct", () => {
  const structs = `struct pair { long rest; int first, second; };
    struct outer { long rest; struct pair pairs[2]; struct pair last; };`;

  /** `change` is inlined between an access and the same access. */
  const statusOf = async (type: string, target: string, user: string, change: string) => {
    const use = work.bitcode(
      "use.c",
      `${structs} void change(void *);
       __attribute__((noinline)) int user(struct ${type} *p, void *q) { ${user} }
       int main(void) { struct ${type} t = {0}; return user(&t, ${target}); }`,
    );
    const changes = work.bitcode("change.c", `${structs} void change(void *q) { ${change} }`);
    const status = await program(use, changes);
    expect(await program(changes, use)).toBe(status);
    return status;
  };

  test.each([
    ["p->first = 1; change(q);", "struct pair *r = q; r->first = 7; r->rest = 5; r->second = 3;"],
    ["p->second = 2; p->rest = 4; p->first = 1; change(q);", "struct pair *r = q; r->first = 7;"],
    ["p->rest = 4; p->first = 1; change(q);", "struct pair *r = q; r->second = 3; r->first = 7;"],
  ])("%s %s", async (user, change) => {
    expect(await statusOf("pair", "&t", `${user} return p->first;`, change)).toBe(7);
  });

  test.each([
    ["itself", "&t.last", "struct pair *r = q; r->second = 7; r->rest = 5;"],
    ["the outer one", "&t", "struct outer *r = q; r->last.second = 7; r->rest = 5;"],
  ])("an inner struct, through %s", async (_, target, change) => {
    const user = `p->last.second = 1; p->pairs[1].first = 2; change(q); return p->last.second;`;
    expect(await statusOf("outer", target, user, change)).toBe(7);
  });

  // To one type with the fields of both, the way to `second` would lead over the float.
  test("two structs of one name, in two files", async () => {
    const pair = "struct pair { long rest; int first, second; };";
    const user = work.bitcode(
      "one.c",
      `${pair} struct same { long rest; struct pair inner; }; int change(void *), other(void *);
       __attribute__((noinline)) int user(struct same *p, void *q, void *r)
       { p->inner.second = 1; int x = other(r); change(q); return p->inner.second + x; }
       int main(void) { struct same s; float o[8]; return user(&s, &s.inner, o); }`,
    );
    const change = work.bitcode(
      "two.c",
      `${pair} int change(void *q) { ((struct pair *)q)->second = 7; return 0; }`,
    );
    const other = work.bitcode(
      "three.c",
      `struct same { double rest[2]; float value; };
       int other(void *r) { ((struct same *)r)->value = 3; return ((struct same *)r)->value; }`,
    );
    expect(await program(user, change, other)).toBe(10);
    expect(await program(other, change, user)).toBe(10);
  });
});
