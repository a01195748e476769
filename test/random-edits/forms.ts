/**
 * The statements and expressions of random programs, as trees. Whatever they
 * compute is defined: all numbers are unsigned, indices are masked, divisors
 * odd, loops counted, and a statement makes one call at most.
 */

import type { Func } from "./program";

export interface Node {
  form: string;
  numbers: number[];
  children: Node[];
  callee?: Func;
}

/** Where a node stands. */
export interface Scope {
  func: Func;
  /** How many loops are around it. */
  loops: number;
}

export type Kind = "value" | "statement";

/** `own`: uses what each file has for itself. `calls`: leaves have no such form. */
type Need = "own" | "calls" | "C++";

interface Form {
  kind: Kind;
  numbers: number;
  children: Kind[];
  needs?: Need[];
  text(node: Node, part: (index: number) => string, scope: Scope): string;
}

const operators = ["+", "-", "*", "^", "&", "|"];
const variable = (number: number) => `v${number % 4}`;
const operator = (number: number) => operators[number % operators.length]!;
const small = (number: number) => number % 30;

function value(children: number, numbers: number, text: Form["text"], needs?: Need[]): Form {
  return { kind: "value", children: Array(children).fill("value"), numbers, text, needs };
}

function statement(children: Kind[], numbers: number, text: Form["text"], needs?: Need[]): Form {
  return { kind: "statement", children, numbers, text, needs };
}

/** What a function gives back, by its shape. */
export function result(func: Func, first: string, second: string): string {
  return func.shape === "big" ? `return bigOf(${first}, ${second});` : `return ${first};`;
}

function callOf(callee: Func, first: string, second: string, scope: Scope): string {
  const depth = scope.func.nature === "bounded" ? "d - 1u" : "d";
  const both = `${first}, ${second}`;
  if (callee.shape === "plain") return `${callee.name}(${both}, ${depth})`;
  const made = `${callee.name}(${callee.shape}Of(${both}), ${depth})`;
  return callee.shape === "big" ? `${made}.x` : made;
}

const declared: Record<string, Form> = {
  constant: value(0, 1, ({ numbers }) => `${numbers[0]}u`),
  small: value(0, 1, ({ numbers }) => `${numbers[0]! % 64}u`),
  variable: value(0, 1, ({ numbers }) => variable(numbers[0]!)),
  counter: value(0, 0, (_, _part, { loops }) => (loops > 0 ? `i${loops}` : "d")),
  global: value(0, 1, ({ numbers }) => `global${numbers[0]! % 4}`),
  binary: value(2, 1, ({ numbers }, part) => `(${part(0)} ${operator(numbers[0]!)} ${part(1)})`),
  quotient: value(2, 0, (_, part) => `(${part(0)} / (${part(1)} | 1u))`),
  shift: value(1, 1, ({ numbers }, part) => `(${part(0)} >> ${small(numbers[0]!)})`),
  choice: value(4, 0, (_, part) => `(${part(0)} < ${part(1)} ? ${part(2)} : ${part(3)})`),
  real: value(
    1,
    1,
    ({ numbers }, part) => `(u32)((double)${part(0)} * 0.${1 + (numbers[0]! % 998)})`,
  ),
  letter: value(1, 1, ({ numbers }, part) => `(u32)"text ${numbers[0]! % 999}"[${part(0)} & 3u]`),
  cell: value(1, 0, (_, part) => `cells[${part(0)} & 7u]`, ["own"]),
  prime: value(1, 0, (_, part) => `primes[${part(0)} & 7u]`, ["own"]),
  length: value(1, 0, (_, part) => `(u32)strlen(texts[${part(0)} & 3u])`, ["own"]),
  mixed: value(1, 1, ({ numbers }, part) => `mixed<${numbers[0]! % 9}u>(${part(0)})`, ["C++"]),

  set: statement(
    ["value"],
    2,
    ({ numbers: [to, by] }, part) => `${variable(to!)} ${operator(by!)}= ${part(0)};`,
  ),
  assign: statement(["value"], 1, ({ numbers }, part) => `${variable(numbers[0]!)} = ${part(0)};`),
  keep: statement(["value"], 1, ({ numbers }, part) => `global${numbers[0]! % 4} += ${part(0)};`),
  store: statement(["value", "value"], 0, (_, part) => `cells[${part(0)} & 7u] ^= ${part(1)};`, [
    "own",
  ]),
  if: statement(
    ["value", "statement", "statement"],
    1,
    ({ numbers }, part) =>
      `if (${part(0)} & ${1 + (numbers[0]! % 7)}u) { ${part(1)} } else { ${part(2)} }`,
  ),
  loop: statement(["statement", "statement"], 1, ({ numbers }, part, { loops }) => {
    const i = `i${loops + 1}`;
    return `for (u32 ${i} = 0; ${i} < ${1 + (numbers[0]! % 6)}u; ${i}++) { ${part(0)} ${part(1)} }`;
  }),
  switch: statement(
    ["value", "statement", "statement", "statement", "value", "value"],
    2,
    ({ numbers: [a, b] }, part) => `switch (${part(0)} & 7u) {
      case 0: ${part(1)} break; case 1: case 2: ${part(2)} break; case 3: ${part(3)} break;
      case 4: v0 = ${a}u; break; case 5: v1 = ${b}u; break; case 6: v2 = ${part(4)}; break;
      default: v3 = ${part(5)}; }`,
  ),
  array: statement(["value", "value", "value"], 2, ({ numbers: [to, number] }, part) => {
    const content = `{${part(0)}, ${part(1)}, ${number}u, d}`;
    return `{ u32 local[4] = ${content}; ${variable(to!)} += local[${part(2)} & 3u]; }`;
  }),
  leave: statement(["value"], 2, ({ numbers: [limit, what] }, part, { func }) => {
    return `if (${part(0)} < ${limit! % 4096}u) { ${result(func, variable(what!), "v1")} }`;
  }),
  count: statement(
    [],
    2,
    ({ numbers: [to, start] }) => `{ static u32 count = ${start}u; ${variable(to!)} += count++; }`,
    ["own"],
  ),
  call: statement(
    ["value", "value"],
    3,
    ({ numbers: [to, by, watched], callee }, part, scope) => {
      const call = `${variable(to!)} ${operator(by!)}= ${callOf(callee!, part(0), part(1), scope)};`;
      if (watched! % 2 === 0) return call;
      // Whether the callee may have written there decides the code here.
      const global = `global${watched! % 4}`;
      return `{ u32 before = ${global}; ${call} v3 += before ^ ${global}; }`;
    },
    ["calls"],
  ),
  indirect: statement(
    ["value", "value"],
    1,
    ({ numbers }, part, { func }) => {
      const depth = func.nature === "bounded" ? "d - 1u" : "d";
      return `${variable(numbers[0]!)} ^= table[${part(0)} & 3u](${part(1)}, v1, ${depth});`;
    },
    ["calls", "own"],
  ),
  try: statement(
    ["value", "statement"],
    1,
    ({ numbers }, part) => `try { if (${part(0)} & 1u) throw (u32)${numbers[0]}u; ${part(1)} }
      catch (u32 caught) { v0 += caught; }`,
    ["C++"],
  ),
};

export const forms: ReadonlyMap<string, Form> = new Map(Object.entries(declared));

/** Whether a function may have a node of this form there. */
export function allowed(name: string, { func, loops }: Scope): boolean {
  const needs = forms.get(name)!.needs ?? [];
  if (needs.includes("own") && func.linkage === "shared") return false;
  if (needs.includes("C++") && !func.file.isCpp) return false;
  if (name === "loop" && loops === 2) return false;
  if (!needs.includes("calls")) return true;
  // A chain may reach itself through the table; calls in loops of a bounded function multiply.
  if (func.nature === "chain") return name !== "indirect" && loops === 0;
  return func.nature === "fuelled" || (func.nature === "bounded" && loops === 0);
}

export function render(node: Node, scope: Scope): string {
  const inner = { ...scope, loops: scope.loops + (node.form === "loop" ? 1 : 0) };
  const part = (index: number) => render(node.children[index]!, inner);
  return forms.get(node.form)!.text(node, part, scope);
}

/** The node and all below it, each with the loops around it. */
export function* walk(node: Node, loops = 0): Generator<{ node: Node; loops: number }> {
  yield { node, loops };
  const inside = loops + (node.form === "loop" ? 1 : 0);
  for (const child of node.children) yield* walk(child, inside);
}
