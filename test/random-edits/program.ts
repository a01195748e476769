/** Random programs of several C and C++ files, and their source text. */

import { type Node, render, result, walk } from "./forms";

/**
 * How a function comes to an end: a leaf calls nothing, a chain calls leaves,
 * a fuelled one takes from the fuel that all share, and a bounded one counts
 * its argument down, so that it can be free of side effects.
 */
export type Nature = "leaf" | "chain" | "fuelled" | "bounded";
/** `shared`: an inline function that stands in each file of the language. */
export type Linkage = "extern" | "static" | "weak" | "hidden" | "shared";
export type Shape = "plain" | "pair" | "big";

export interface Func {
  name: string;
  file: File;
  nature: Nature;
  shape: Shape;
  linkage: Linkage;
  /** What stands in `__attribute__`. */
  attribute: string;
  body: Node[];
  /** A leaf or chain of one expression, so small that it is inlined before units are made. */
  isThin: boolean;
  /** main calls it: it stays, and stays visible. */
  isRoot: boolean;
}

export interface File {
  name: string;
  isCpp: boolean;
  functions: Func[];
  table: Func[];
  primes: number[];
  texts: string[];
}

export interface Program {
  files: File[];
  globals: number[];
  /** Numbers functions. */
  counter: number;
}

export const functionsOf = (program: Program) =>
  program.files.flatMap(({ functions }) => functions);

export function mayCall(from: Func, to: Func): boolean {
  if (from.nature === "leaf" || (from.nature === "chain" && to.nature !== "leaf")) return false;
  if (from.linkage === "shared" && to.linkage === "static") return false;
  return isVisible(from.file, to);
}

export function isVisible(from: File, to: Func): boolean {
  if (to.linkage === "static") return from === to.file;
  // C++ defines an inline function only where it is used.
  return !(to.linkage === "shared" && to.file.isCpp && !from.isCpp);
}

/** File name and text of everything. */
export function sourcesOf(program: Program): Map<string, string> {
  const sources = new Map(program.files.map((file) => [file.name, textOf(file)]));
  return sources.set("main.c", mainOf(program));
}

const preamble = `typedef unsigned u32;
struct pair { u32 x; unsigned char y; };
struct big { u32 x, y, z, v, w; };
extern int fuel;
extern u32 global0, global1, global2, global3;
unsigned long strlen(const char *);
static inline struct pair pairOf(u32 x, u32 y) {
  struct pair made; made.x = x; made.y = (unsigned char)y; return made; }
static inline struct big bigOf(u32 x, u32 y) {
  struct big made; made.x = x; made.y = y; made.z = x ^ y; made.v = x + y; made.w = 5; return made; }`;
const template = `template <unsigned N> unsigned mixed(unsigned value) {
  for (unsigned i = 0; i < N; i++) value = value * 33u + (value >> N); return value; }`;

function textOf(file: File): string {
  const used = reachable(file);
  const inlines = used.filter((func) => isCopied(func, file) && func.file !== file);
  const declarations = used.map((func) => `${signature(func, file)};`);
  const data = [
    `static u32 cells[8] = {${file.primes}};`,
    `static const u32 primes[8] = {${file.primes}};`,
    `static const char *const texts[4] = {${file.texts.map((text) => JSON.stringify(text))}};`,
    `static u32 (*const table[4])(u32, u32, u32) = {${file.table.map(({ name }) => name)}};`,
  ];
  const definitions = [...inlines, ...file.functions].map((func) => definition(func, file));
  const text = [preamble, ...declarations, ...data, ...definitions].join("\n");
  return file.isCpp ? `${template}\nextern "C" {\n${text}\n}\n` : text;
}

const isCopied = (func: Func, file: File) =>
  func.linkage === "shared" && func.file.isCpp === file.isCpp;

/** What the file has to declare: its functions, and all that these refer to. */
function reachable(file: File): Func[] {
  const found = new Set([...file.functions, ...file.table]);
  for (const func of found) {
    if (func.file !== file && !isCopied(func, file)) continue;
    for (const callee of calleesOf(func)) found.add(callee);
  }
  return [...found];
}

export function nodesOf({ body }: Func): Node[] {
  return body.flatMap((statement) => [...walk(statement)].map(({ node }) => node));
}

export function calleesOf(func: Func): Func[] {
  return nodesOf(func).flatMap(({ callee }) => callee ?? []);
}

function signature(func: Func, file: File): string {
  const parameters = func.shape === "plain" ? "u32 a, u32 b" : `struct ${func.shape} p`;
  const type = func.shape === "big" ? "struct big" : "u32";
  return `${specifiers(func, file)}${type} ${func.name}(${parameters}, u32 d)`;
}

function specifiers(func: Func, file: File): string {
  const attributes = func.file === file || isCopied(func, file) ? [func.attribute] : [];
  if (func.linkage === "weak") attributes.push("weak");
  if (func.linkage === "hidden") attributes.push('visibility("hidden")');
  const list = attributes.filter(Boolean).join(", ");
  const attribute = list ? `__attribute__((${list})) ` : "";
  if (func.linkage === "static") return `static ${attribute}`;
  if (!isCopied(func, file)) return attribute;
  // In C, a declaration without "inline" makes the definition that others link to.
  const isHome = func.file === file && !file.isCpp;
  return isHome ? attribute : `inline ${attribute}`;
}

const guards: Record<Nature, string> = {
  leaf: "",
  chain: "",
  fuelled: "if (--fuel < 0) ",
  bounded: "if (d == 0u || d > 3u) ",
};

function thinBody(func: Func, a: string, b: string): string {
  const callee = calleesOf(func).find(({ shape }) => shape === "plain");
  if (callee) return result(func, `${callee.name}(${b}, ${a}, d)`, "d");
  const [number] = nodesOf(func).flatMap(({ numbers }) => numbers);
  return result(func, `${a} * ${number ?? 3}u`, b);
}

function definition(func: Func, file: File): string {
  const [a, b] = func.shape === "plain" ? (["a", "b"] as const) : (["p.x", "p.y"] as const);
  const guard = guards[func.nature];
  const inline = func.linkage === "shared" && func.file === file && !file.isCpp ? "inline " : "";
  if (func.isThin && (func.nature === "leaf" || func.nature === "chain"))
    return `${inline}${signature(func, file)} { ${thinBody(func, a, b)} }`;
  return [
    `${inline}${signature(func, file)} {`,
    `  u32 v0 = ${a}, v1 = ${b}, v2 = v0 ^ 7u, v3 = v1 + 1u;`,
    guard ? `  ${guard}{ ${result(func, "v0", "v1")} }` : "",
    ...func.body.map((statement) => `  ${render(statement, { func, loops: 0 })}`),
    `  ${result(func, "v0 + v1 * 3u + v2 * 5u + v3 * 7u", "v3")}`,
    "}",
  ].join("\n");
}

/** It calls every root with a few numbers and prints what comes out. */
function mainOf(program: Program): string {
  const roots = functionsOf(program).filter(({ isRoot }) => isRoot);
  return [
    "typedef unsigned u32; int printf(const char *, ...); int fuel;",
    ...program.globals.map((start, index) => `u32 global${index} = ${start}u;`),
    ...roots.map(({ name }) => `u32 ${name}(u32 a, u32 b, u32 d);`),
    "int main(void) { for (u32 n = 0; n < 4; n++) {",
    ...roots.map(({ name }) => `  fuel = 200; printf("%u ", ${name}(n * 977u, n + 5u, 3u));`),
    '  printf("%u %u %u %u\\n", global0, global1, global2, global3); } return 0; }\n',
  ].join("\n");
}
