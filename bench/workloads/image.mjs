// A made-up image as Julia makes them: one module for each function, all in one
// archive, every module another. Functions are loops of arithmetic on 32 bits
// that call each other and read global slots, so that JavaScript can tell what
// they must return.

import { linkSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { bitcodePeers, native } from "../../dist/bench.js";
import { Driver } from "../driver.mjs";
import { Site } from "../site.mjs";

/** Numbers from 0 to 2^32 - 1, the same ones for each seed. */
function randomFrom(seed) {
  let state = Math.imul(seed + 1, 0x9e3779b1) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
}

const operations = {
  add: { text: (c) => [`add i32 %IN, ${c}`], value: (x, c) => x + c },
  mul: { text: (c) => [`mul i32 %IN, ${c | 1}`], value: (x, c) => Math.imul(x, c | 1) },
  xor: { text: (c) => [`xor i32 %IN, ${c}`], value: (x, c) => x ^ c },
  shift: {
    text: (c) => [`lshr i32 %IN, ${(c & 15) + 1}`, "xor i32 %IN, %LAST"],
    value: (x, c) => x ^ (x >>> ((c & 15) + 1)),
  },
  choose: {
    text: (c) => [`icmp slt i32 %IN, ${c}`, `select i1 %LAST, i32 ${c >> 3}, i32 %IN`],
    value: (x, c) => (x < c ? c >> 3 : x),
  },
};
const kinds = Object.keys(operations);

/** What unit `index` does. Most are small and some are large. */
function planOf(index) {
  const next = randomFrom(index);
  next();
  const count = Math.min(150, Math.floor(5 / (1 - next() / 2 ** 32)));
  return {
    steps: Array.from({ length: count }, () => [kinds[next() % kinds.length], next() | 0]),
    times: (next() % 7) + 2,
    callee: index > 0 ? index >> 1 : undefined,
    slot: index % 4 === 0 ? next() % 1000 : undefined,
  };
}

const nameOf = (index) => `julia_f_${index}`;

/** A module's text; `revision` stands for what an edit changes in it. */
function textOf(index, revision) {
  const { steps, times, callee, slot } = planOf(index);
  const lines = [];
  let value = "%sum";
  const add = (text) => {
    const name = `%v${lines.length}`;
    lines.push(`  ${name} = ${text}`);
    return name;
  };
  for (const [kind, constant] of steps) {
    let last = "";
    for (const text of operations[kind].text(constant))
      last = add(text.replaceAll("%IN", value).replaceAll("%LAST", last));
    value = last;
  }
  const end = [`  %r0 = xor i32 %end, ${revision}`];
  if (callee !== undefined) end.push(`  %r1 = call i32 @${nameOf(callee)}(i32 %r0)`);
  else end.push("  %r1 = add i32 %r0, 1");
  if (slot !== undefined)
    end.push(
      `  %w = load i64, ptr @slot_${index}`,
      "  %n = trunc i64 %w to i32",
      "  %r2 = add i32 %r1, %n",
    );
  else end.push("  %r2 = add i32 %r1, 0");
  return `source_filename = "${nameOf(index)}"
target triple = "x86_64-unknown-linux-gnu"
${slot === undefined ? "" : `@slot_${index} = global i64 ${slot}`}
${callee === undefined ? "" : `declare i32 @${nameOf(callee)}(i32)`}
define i32 @${nameOf(index)}(i32 %x) {
entry:
  br label %loop
loop:
  %i = phi i32 [ 0, %entry ], [ %j, %loop ]
  %sum = phi i32 [ %x, %entry ], [ ${value}, %loop ]
${lines.join("\n")}
  %j = add i32 %i, 1
  %more = icmp ult i32 %j, ${times}
  br i1 %more, label %loop, label %exit
exit:
  %end = phi i32 [ ${value}, %loop ]
${end.join("\n")}
  ret i32 %r2
}
`;
}

/** What unit `index` returns. */
function resultOf(index, x) {
  const { steps, times, callee, slot } = planOf(index);
  let value = x | 0;
  for (let i = 0; i < times; i++)
    for (const [kind, constant] of steps) value = operations[kind].value(value, constant) | 0;
  const called = callee === undefined ? value + 1 : resultOf(callee, value);
  return (called + (slot ?? 0)) | 0;
}

async function bitcodeOf(text, name) {
  const [module] = await native.readModules(Buffer.from(text), name);
  return module.bitcode;
}

const modulesOf = (count, revisionOf) =>
  Promise.all(
    Array.from({ length: count }, (_, i) => bitcodeOf(textOf(i, revisionOf(i)), nameOf(i))),
  );

/** An archive of `count` modules, of which `edited` have changed, evenly spread. */
export async function writeImage(file, count, edited = 0) {
  const modules = await modulesOf(count, (i) => revisionIn(i, count, edited));
  const names = modules.map((_, i) => `${nameOf(i)}.bc`);
  writeFileSync(file, await native.writeArchive(names, modules, false));
}

/** The same functions in a single module. */
export async function writeModule(file, count, edited = 0) {
  const texts = Array.from({ length: count }, (_, i) => textOf(i, revisionIn(i, count, edited)));
  const isOnce = (line) => !/^(declare|target|source_filename)/.test(line);
  const lines = texts.flatMap((text) => text.split("\n").filter(isOnce));
  writeFileSync(file, await bitcodeOf(lines.join("\n"), "module"));
}

function revisionIn(index, count, edited) {
  return edited > 0 && index % Math.ceil(count / edited) === 0 ? 1 : 0;
}

/** The driver's arguments, and what it must print. */
export function callsOf(count, step, times) {
  let sum = 0;
  for (let x = 0; x < times; x++)
    for (let i = 0; i < count; i += step) sum = (Math.imul(sum, 31) + resultOf(i, x)) >>> 0;
  return { words: [count, step, times].map(String), expected: `${sum}\n` };
}

export const driver = path.join(import.meta.dirname, "image.c");

/** An image small enough for those who start a process for each unit. */
export const imageOf = (count) => ({
  open: openImage,
  name: "image",
  title: `a made-up image of ${count} modules, as Julia makes them`,
  count,
  units: "module",
  emit: "image",
  libraries: [],
  driver,
  arguments: () => [String(count), "1", "4000"],
  edits: {
    "one-function edit": { what: "a constant in one module", count: 1 },
    "header-wide edit": { what: "a constant in every tenth module", count: Math.ceil(count / 10) },
  },
});

async function openImage(workload, work) {
  const { count, edits } = workload;
  const site = new Site(workload, work);
  const states = [await imageState("as it is", work, count, 0)];
  for (const [name, { count: edited }] of Object.entries(edits))
    states.push(await imageState(name, work, count, edited, states[0]));
  const { contenders: others, absent } = bitcodePeers(site.settings, site.newCache);
  const imageDriver = new Driver(workload, [], work);
  const { words, expected } = callsOf(count, Math.ceil(count / 100), 1);
  const check = async (output, { changed }) => {
    const { stdout } = await imageDriver.run(await imageDriver.programFor(output), words);
    if (changed.length === 0 && stdout !== expected)
      throw new Error(`the image gives ${stdout}and not ${expected}`);
  };
  const baseline = "clang";
  return { site, states, files: count, others, absent, baseline, driver: imageDriver, check };
}

async function imageState(name, work, count, edited, original) {
  const folder = path.join(work, name.replaceAll(" ", "-"));
  mkdirSync(folder);
  const isEdited = (i) => revisionIn(i, count, edited) > 0;
  const modules = await modulesOf(count, (i) => revisionIn(i, count, edited));
  const bitcode = modules.map((_, i) => path.join(folder, `${nameOf(i)}.bc`));
  for (const [i, file] of bitcode.entries())
    if (original && !isEdited(i)) linkSync(original.bitcode[i], file);
    else writeFileSync(file, modules[i]);
  return { name, bitcode, sources: [], changed: [...bitcode.keys()].filter(isEdited) };
}
