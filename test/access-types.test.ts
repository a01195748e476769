/**
 * Type-based alias analysis tells types by name, and bodies have numbers in their
 * place. What one function brings along when it is inlined must meet its own type
 * under its number, and no other.
 */

import { readFileSync } from "node:fs";
import { build } from "../lib";
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
