/**
 * Compiles damaged bitcode and counts what comes of it: node bitcode-fuzz.mjs [COUNT] [SEED]
 *
 * A process of its own does the compiling, since a crash ends it; it makes each
 * mutation from the seed and its number, so that any of them can be repeated:
 * node bitcode-fuzz.mjs --only NUMBER SEED
 */

import { execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { compile } from "../../dist/index.js";

const script = fileURLToPath(import.meta.url);
const secondsForOne = 10;

const programs = {
  "table.c": `
    struct node { struct node *next; int key; double weight[4]; };
    static const char *const words[] = {"one", "two", "three"};
    _Thread_local int depth;
    const char *word(unsigned i) { return i < 3 ? words[i] : "?"; }
    int count(struct node *n) {
      int sum = 0;
      for (; n; n = n->next) switch (n->key) {
        case 0: sum += 3; break;
        case 1: sum *= n->weight[n->key & 3]; break;
        default: depth++; sum -= n->key;
      }
      return sum;
    }`,
  "throw.cc": `
    #include <string>
    struct Shape { virtual ~Shape() {} virtual int area() const = 0; };
    struct Square : Shape { int side; int area() const override { return side * side; } };
    int checked(const Shape &shape) {
      try { if (shape.area() < 0) throw std::string("negative"); return shape.area(); }
      catch (const std::string &why) { return -int(why.size()); }
    }
    Shape *make(int side) { auto *square = new Square; square->side = side; return square; }`,
};

const flagSets = {
  plain: ["-O2", "-Xclang", "-disable-llvm-passes"],
  optimised: ["-O2"],
  debug: ["-O1", "-g"],
};

function makeCorpus(folder) {
  for (const [name, source] of Object.entries(programs)) {
    const file = path.join(folder, name);
    writeFileSync(file, source);
    for (const [flagSet, flags] of Object.entries(flagSets)) {
      const output = path.join(folder, `${name}.${flagSet}.bc`);
      execFileSync("clang-22", [...flags, "-fPIC", "-emit-llvm", "-c", file, "-o", output]);
    }
  }
}

const readCorpus = (folder) =>
  readdirSync(folder)
    .filter((name) => name.endsWith(".bc"))
    .sort()
    .map((name) => readFileSync(path.join(folder, name)));

/** mulberry32: whole numbers below `limit`. */
function generator(seed) {
  let state = seed >>> 0;
  return (limit) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) % limit;
  };
}

const mutations = {
  flip(bytes, random) {
    for (let flips = 1 + random(4); flips > 0; flips--) {
      const bit = random(bytes.length * 8);
      bytes[bit >> 3] ^= 1 << (bit & 7);
    }
    return bytes;
  },
  truncate: (bytes, random) => bytes.subarray(0, random(bytes.length)),
  splice(bytes, random, other) {
    const length = 1 + random(64);
    const from = random(Math.max(1, other.length - length));
    other.copy(bytes, random(bytes.length), from, from + length);
    return bytes;
  },
  overwrite(bytes, random) {
    const start = random(bytes.length);
    const end = Math.min(bytes.length, start + 1 + random(8));
    for (let i = start; i < end; i++) bytes[i] = random(256);
    return bytes;
  },
};

function mutation(corpus, seed, number) {
  const random = generator(seed * 1_000_003 + number);
  const kind = Object.keys(mutations)[random(4)];
  const bytes = Buffer.from(corpus[random(corpus.length)]);
  return { kind, bytes: mutations[kind](bytes, random, corpus[random(corpus.length)]) };
}

async function compileRange(folder, seed, start, end) {
  const corpus = readCorpus(folder);
  for (let number = start; number < end; number++) {
    const { kind, bytes } = mutation(corpus, seed, number);
    process.stdout.write(`start ${number} ${kind}\n`);
    const outcome = await compile({ input: { name: "fuzzed", bytes } }).then(
      () => "compiled",
      (error) => error.code,
    );
    process.stdout.write(`end ${outcome}\n`);
  }
}

/** Runs one process until it is through or dies. Resolves to the number to go on with. */
function runBatch(folder, seed, start, end, note) {
  const args = [script, "--batch", folder, seed, start, end].map(String);
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "ignore"] });
  let current = { number: start, kind: "start-up" };
  let watch;
  createInterface(child.stdout).on("line", (line) => {
    const [event, ...words] = line.split(" ");
    clearTimeout(watch);
    if (event === "end") note(words[0], current);
    else {
      current = { number: Number(words[0]), kind: words[1] };
      watch = setTimeout(() => child.kill("SIGKILL"), secondsForOne * 1000);
    }
  });
  return new Promise((resolve) => {
    child.on("close", (status, signal) => {
      clearTimeout(watch);
      if (status === 0) return resolve(end);
      note(signal === "SIGKILL" ? "hung" : `crashed with ${signal ?? status}`, current);
      resolve(current.number + 1);
    });
  });
}

async function main(count, seed) {
  console.log(`${count} mutations, seed ${seed}`);
  const folder = mkdtempSync(path.join(os.tmpdir(), "finegrain-fuzz-"));
  const outcomes = new Map();
  const dead = [];
  const note = (outcome, { number, kind }) => {
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    if (/^(crashed|hung)/.test(outcome)) dead.push(`${outcome}: number ${number}, ${kind}`);
  };
  try {
    makeCorpus(folder);
    for (let next = 0; next < count; ) next = await runBatch(folder, seed, next, count, note);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  for (const [outcome, times] of [...outcomes].sort()) console.log(`${outcome}: ${times}`);
  for (const line of dead) console.log(line);
  process.exitCode = dead.length > 0 ? 1 : 0;
}

async function only(number, seed) {
  const folder = mkdtempSync(path.join(os.tmpdir(), "finegrain-fuzz-"));
  makeCorpus(folder);
  const { kind, bytes } = mutation(readCorpus(folder), seed, number);
  rmSync(folder, { recursive: true, force: true });
  writeFileSync("fuzzed.bc", bytes);
  console.log(`${kind}: fuzzed.bc`);
}

const [first, ...rest] = process.argv.slice(2);
if (first === "--batch") await compileRange(rest[0], ...rest.slice(1).map(Number));
else if (first === "--only") await only(...rest.map(Number));
else await main(Number(first ?? 1000), Number(rest[0] ?? randomBytes(4).readUInt32LE()));
