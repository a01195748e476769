/** Makes random programs, and edits them as a programmer would. */

import type { Random } from "../random";
import { allowed, forms, type Kind, type Node, type Scope, walk } from "./forms";
import {
  type File,
  type Func,
  functionsOf,
  isVisible,
  type Linkage,
  mayCall,
  type Nature,
  nodesOf,
  type Program,
  type Shape,
} from "./program";

const fileNames = ["first.c", "second.c", "third.c", "fourth.cc", "fifth.cc"];
const functionsPerFile = 8;

// What is listed twice is twice as likely.
const natures: Nature[] = ["leaf", "leaf", "chain", "fuelled", "fuelled", "bounded"];
const shapes: Shape[] = ["plain", "plain", "plain", "pair", "big"];
const linkages: Linkage[] = ["extern", "extern", "static", "static", "weak", "hidden", "shared"];
const attributes = ["", "", "noinline", "noinline", "always_inline", "cold", "noinline, optnone"];

const pick = <T>(random: Random, items: readonly T[]): T => items[random.below(items.length)]!;

export function randomProgram(random: Random): Program {
  const program: Program = { files: [], globals: numbers(random, 4), counter: 0 };
  program.files = fileNames.map((name) => ({
    name,
    isCpp: name.endsWith(".cc"),
    functions: [],
    table: [],
    primes: numbers(random, 8),
    texts: numbers(random, 4).map((number) => `word ${number}`),
  }));
  for (const file of program.files) {
    const root = addFunction(random, program, file);
    Object.assign(root, { isRoot: true, shape: "plain", nature: "fuelled", linkage: "extern" });
    for (let i = 1; i < functionsPerFile; i++) addFunction(random, program, file);
  }
  for (const func of functionsOf(program)) func.body = randomBody(random, program, func);
  mend(random, program);
  return program;
}

const numbers = (random: Random, count: number) =>
  Array.from({ length: count }, () => random.below(2 ** 31));

function addFunction(random: Random, program: Program, file: File): Func {
  const func: Func = {
    name: `f${program.counter++}`,
    file,
    nature: pick(random, natures),
    shape: pick(random, shapes),
    linkage: pick(random, linkages),
    attribute: pick(random, attributes),
    body: [],
    isThin: random.below(3) === 0,
    isRoot: false,
  };
  file.functions.splice(random.below(file.functions.length + 1), 0, func);
  return func;
}

function randomBody(random: Random, program: Program, func: Func): Node[] {
  const length = 1 + random.below(func.nature === "leaf" ? 3 : 6);
  return Array.from({ length }, () => randomStatement(random, program, func));
}

const randomStatement = (random: Random, program: Program, func: Func) =>
  grow(random, program, "statement", { func, loops: 0 }, 3);

/** A tree of at most `height` inner nodes above each leaf. */
function grow(random: Random, program: Program, kind: Kind, scope: Scope, height: number): Node {
  const fits = [...forms.keys()].filter((name) => {
    const form = forms.get(name)!;
    const isLow = height > 0 || form.children.every((child) => child !== kind);
    return form.kind === kind && isLow && allowed(name, scope);
  });
  // Calls are what ties units together.
  const more = fits.includes("call") ? ["call", "call", "call", "call"] : [];
  const form = pick(random, [...fits, ...more]);
  const { children, numbers: count } = forms.get(form)!;
  const inner = { ...scope, loops: scope.loops + (form === "loop" ? 1 : 0) };
  return {
    form,
    numbers: numbers(random, count),
    children: children.map((child) => grow(random, program, child, inner, height - 1)),
    ...(form === "call" && { callee: randomCallee(random, program, scope.func) }),
  };
}

function randomCallee(random: Random, program: Program, func: Func): Func | undefined {
  const candidates = functionsOf(program).filter((other) => mayCall(func, other));
  return candidates.length > 0 ? pick(random, candidates) : undefined;
}

/** Turns what an edit made impossible, as calls of a removed function, into something else. */
function mend(random: Random, program: Program): void {
  const all = new Set(functionsOf(program));
  for (const file of program.files) {
    const targets = [...all].filter((to) => to.shape === "plain" && isVisible(file, to));
    file.table = [0, 1, 2, 3].map((index) => {
      const old = file.table[index];
      return old && targets.includes(old) ? old : pick(random, targets);
    });
  }
  for (const func of all)
    for (const statement of func.body)
      for (const { node, loops } of walk(statement)) {
        if (node.callee && !(all.has(node.callee) && mayCall(func, node.callee)))
          node.callee = randomCallee(random, program, func);
        const isComplete = node.form !== "call" || node.callee;
        if (!isComplete || !allowed(node.form, { func, loops })) replace(node);
      }
}

/** By the plainest of its kind. */
function replace(node: Node): void {
  const isValue = forms.get(node.form)!.kind === "value";
  const constant = { form: "constant", numbers: [77], children: [] };
  if (isValue) Object.assign(node, constant);
  else Object.assign(node, { form: "set", numbers: [1, 0], children: [constant] });
  delete node.callee;
}

type Edit = (random: Random, program: Program) => string;

const anyFunction = (random: Random, program: Program) => pick(random, functionsOf(program));
const notRoot = (random: Random, program: Program) =>
  pick(
    random,
    functionsOf(program).filter(({ isRoot }) => !isRoot),
  );

function changeNumber(random: Random, program: Program): string {
  const func = anyFunction(random, program);
  const withNumbers = nodesOf(func).filter((node) => node.numbers.length > 0);
  if (withNumbers.length === 0) return "no number to change";
  const node = pick(random, withNumbers);
  node.numbers[random.below(node.numbers.length)] = random.below(2 ** 31);
  return `a number in ${func.name}`;
}

function changeStatements(random: Random, program: Program): string {
  const func = anyFunction(random, program);
  const isLong = func.body.length > 7;
  const removed = isLong ? 1 : random.below(2);
  const added = Array.from({ length: random.below(isLong ? 1 : 3) }, () =>
    randomStatement(random, program, func),
  );
  func.body.splice(random.below(func.body.length + 1), removed, ...added);
  return `a statement of ${func.name}`;
}

/** Callers know what a function leaves alone, whether or not they inline it. */
function changeSideEffect(random: Random, program: Program): string {
  const { name, body } = anyFunction(random, program);
  const constant = { form: "constant", numbers: numbers(random, 1), children: [] };
  if (body[0]?.form === "keep") body.shift();
  else body.unshift({ form: "keep", numbers: [random.below(4)], children: [constant] });
  return `a side effect of ${name}`;
}

const edits: Edit[] = [
  changeSideEffect,
  changeNumber,
  changeNumber,
  changeStatements,
  changeStatements,
  (random, program) => {
    const func = anyFunction(random, program);
    func.body = randomBody(random, program, func);
    return `the body of ${func.name}`;
  },
  (random, program) => {
    const func = addFunction(random, program, pick(random, program.files));
    func.body = randomBody(random, program, func);
    const callers = random.shuffled(functionsOf(program).filter((other) => mayCall(other, func)));
    const constant = (number: number) => ({ form: "constant", numbers: [number], children: [] });
    for (const { body } of callers.slice(0, 2)) {
      const children = [constant(1), constant(2)];
      body.push({ form: "call", numbers: [0, 0, 1], children, callee: func });
    }
    return `${func.name}, a new ${func.linkage} ${func.nature}`;
  },
  (random, program) => {
    const func = notRoot(random, program);
    func.file.functions = func.file.functions.filter((other) => other !== func);
    return `${func.name} removed`;
  },
  (random, program) => {
    const file = pick(random, program.files);
    file.functions = random.shuffled(file.functions);
    return `the order in ${file.name}`;
  },
  (random, program) => {
    const func = notRoot(random, program);
    func.linkage = pick(random, linkages);
    return `${func.name} made ${func.linkage}`;
  },
  (random, program) => {
    const func = notRoot(random, program);
    func.linkage = func.linkage === "static" ? "extern" : "static";
    return `${func.name} made ${func.linkage}`;
  },
  (random, program) => {
    const func = anyFunction(random, program);
    func.attribute = pick(random, attributes);
    return `${func.name} made "${func.attribute}"`;
  },
  (random, program) => {
    const func = anyFunction(random, program);
    func.isThin = !func.isThin;
    return `${func.name} made ${func.isThin ? "thin" : "thick"}`;
  },
  (random, program) => {
    const func = anyFunction(random, program);
    const before = func.name;
    func.name = `f${program.counter++}`;
    return `${before} renamed ${func.name}`;
  },
  (random, program) => {
    const func = notRoot(random, program);
    const to = pick(
      random,
      program.files.filter(({ isCpp }) => isCpp === func.file.isCpp),
    );
    func.file.functions = func.file.functions.filter((other) => other !== func);
    func.file = to;
    to.functions.push(func);
    return `${func.name} moved to ${to.name}`;
  },
  (random, program) => {
    const file = pick(random, program.files);
    file.primes[random.below(8)] = random.below(2 ** 31);
    file.texts[random.below(4)] = `changed ${random.below(999)}`;
    file.table[random.below(4)] = anyFunction(random, program);
    program.globals[random.below(4)] = random.below(2 ** 31);
    return `the data of ${file.name}`;
  },
];

/** Changes the program and says what it changed. */
export function randomEdit(random: Random, program: Program): string {
  const what = pick(random, edits)(random, program);
  mend(random, program);
  return what;
}
