// A project of many files, from bitcode: file after file into one cache, all in one
// build, and one file alone. clang is a process for each file, opt and llc two,
// finegrain one for all.

import { mkdirSync, mkdtempSync, readdirSync } from "node:fs";
import path from "node:path";
import {
  clangCommand,
  figuresOf,
  findTool,
  inTurn,
  measure,
  median,
  one,
  optAndLlcCommand,
  summaryOf,
} from "../dist/bench.js";

export async function project({ site, states, check }, { file, rounds, onProgress }) {
  const [{ bitcode, sources }] = states;
  const single = bitcode[sources.findIndex((source) => source.endsWith(file))];
  const place = (name) => {
    const folder = path.join(site.work, name);
    mkdirSync(folder, { recursive: true });
    return folder;
  };
  const [theirs, ours, together, alone] = ["theirs", "ours", "together", "alone"].map(place);
  /** A new one each time: files are slow to make where others have just been deleted. */
  let cache;
  const newCache = () => {
    cache = mkdtempSync(path.join(site.work, "cache-"));
    return cache;
  };
  const whole = {
    clang: () => fileByFile(clangCommand, bitcode, theirs),
    "opt and llc": () => fileByFile(optAndLlcCommand, bitcode, alone),
    "finegrain, file by file, one cache": () => each(bitcode, ours, 2, "--cache", newCache()),
    "the same again, all hits": () => each(bitcode, ours, 2, "--cache", cache),
    "finegrain, all files in one build": () =>
      each(bitcode, together, 2, "--cache", newCache(), "--together", site.settings.emit),
  };
  const oneFile = {
    [`clang, ${file} alone`]: () => fileByFile(clangCommand, [single], alone),
    [`opt and llc, ${file} alone`]: () => fileByFile(optAndLlcCommand, [single], alone),
    [`finegrain, ${file} alone, 1 thread`]: () => each([single], alone, 1),
    [`finegrain, ${file} alone, 2 threads`]: () => each([single], alone, 2),
  };
  const roundsAlone = 5 * rounds; // they are short, and so more easily disturbed
  const results = [
    ...resultsOf(whole, await inTurn(Object.values(whole), rounds, onProgress)),
    ...resultsOf(oneFile, await inTurn(Object.values(oneFile), roundsAlone)),
  ];
  const linked = [await link(site, theirs, ".o"), await link(site, ours, ".a")];
  for (const output of [...linked, path.join(together, "all")]) await check(output, states[0]);
  return { files: bitcode.length, rounds, roundsAlone, results };
}

function fileByFile(commandFor, inputs, folder) {
  const commands = inputs.map((input, i) =>
    commandFor("O2", false, input, path.join(folder, `${i}.o`)),
  );
  return measure([{ jobs: 1, commands }]);
}

/** libuv's pool is as large as docs/api.md advises. */
function each(inputs, folder, threads, ...options) {
  const script = path.join(import.meta.dirname, "build-each.mjs");
  const words = ["--out", folder, "--threads", threads, ...options, ...inputs];
  const env = { UV_THREADPOOL_SIZE: threads };
  return measure([one(process.execPath, script, ...words.map(String))], { env });
}

/** What was built file by file, as a program or library that can be tried. */
async function link({ settings: { emit } }, folder, ending) {
  const output = path.join(folder, "all");
  const parts = readdirSync(folder).filter((name) => name.endsWith(ending));
  const files = parts.map((name) => path.join(folder, name));
  const whole = ["-Wl,--whole-archive", ...files, "-Wl,--no-whole-archive"];
  const kind = emit === "shared" ? ["-shared"] : [];
  await measure([one(findTool("clang++").command, ...kind, ...whole, "-o", output)]);
  return output;
}

/** Ratios are to opt and llc. */
function resultsOf(samplers, samples) {
  const names = Object.keys(samplers);
  const base = samples[names.findIndex((name) => name.startsWith("opt and llc"))];
  return names.map((contender, i) => {
    const own = samples[i].flatMap(({ stdout }) => (stdout ? [JSON.parse(stdout)] : []));
    const told = own.length > 0 && {
      counts: own[0],
      cpuInBuild: summaryOf(own.map(({ cpu }) => cpu)),
      ratioInBuild: median(own.map(({ cpu }, round) => cpu / base[round].cpu)),
    };
    return { contender, ...figuresOf(samples[i], base), ...told };
  });
}
