// A project of many files, from bitcode: file after file into one cache, all in one
// build, and one file alone. clang is a process for each file, finegrain one for all.

import { mkdirSync, mkdtempSync, readdirSync } from "node:fs";
import path from "node:path";
import { measure, one } from "../dist/bench/measure.js";
import { clangCommand } from "../dist/bench/peers.js";
import { median, summaryOf } from "../dist/bench/statistics.js";
import { findTool } from "../dist/bench/tools.js";

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
  const fresh = () => {
    cache = mkdtempSync(path.join(site.work, "cache-"));
  };
  const clang = (inputs, folder) => ({ jobs: 1, commands: inputs.map(clangInto(folder)) });
  const contenders = [
    { name: "clang", stage: () => clang(bitcode, theirs) },
    {
      name: "finegrain, file by file, one cache",
      before: fresh,
      stage: () => each(bitcode, ours, "--cache", cache),
    },
    { name: "the same again, all hits", stage: () => each(bitcode, ours, "--cache", cache) },
    {
      name: "finegrain, all files in one build",
      before: fresh,
      stage: () => each(bitcode, together, "--cache", cache, "--together", site.settings.emit),
    },
    { name: `clang, ${file} alone`, stage: () => clang([single], alone) },
    ...[1, 2].map((threads) => ({
      name: `finegrain, ${file} alone, ${threads} thread${threads === 1 ? "" : "s"}`,
      stage: () => each([single], alone, "--threads", String(threads)),
    })),
  ];
  const samples = contenders.map(() => []);
  for (let round = 0; round < rounds; round++)
    for (const [i, { before, stage }] of contenders.entries()) {
      onProgress(round * contenders.length + i, rounds * contenders.length);
      before?.();
      samples[i].push(await measure([stage()]));
    }
  const linked = [await link(site, theirs, ".o"), await link(site, ours, ".a")];
  for (const output of [...linked, path.join(together, "all")]) await check(output, states[0]);
  return { files: bitcode.length, rounds, results: resultsOf(contenders, samples) };
}

const clangInto = (folder) => (input, i) => {
  return clangCommand("O2", false, input, path.join(folder, `${i}.o`));
};

function each(inputs, folder, ...options) {
  const script = path.join(import.meta.dirname, "build-each.mjs");
  return one(process.execPath, script, "--out", folder, ...options, ...inputs);
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

function resultsOf(contenders, samples) {
  return contenders.map(({ name }, i) => {
    const base = samples[contenders.findIndex((other) => other.name === baseOf(name))];
    const of = (field) => summaryOf(samples[i].map((sample) => sample[field]));
    const ratio = (field) => of(field).median / median(base.map((sample) => sample[field]));
    const { stdout } = samples[i][0];
    return {
      contender: name,
      wall: of("wall"),
      cpu: of("cpu"),
      peak: of("peak"),
      ratio: { wall: ratio("wall"), cpu: ratio("cpu") },
      ...(stdout && { counts: JSON.parse(stdout) }),
    };
  });
}

const baseOf = (name) =>
  /(\S+) alone/.test(name) ? `clang, ${/(\S+) alone/.exec(name)[0]}` : "clang";
