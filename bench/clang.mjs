// clang, as all workloads of C and C++ call it.

import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { bitcodePeers } from "../dist/bench.js";
import { clangFor, Driver } from "./driver.mjs";
import { Site } from "./site.mjs";
import { baseline, sourcePeers } from "./source-peers.mjs";
import { SourceTree } from "./source-tree.mjs";

const frontendOnly = ["-Xclang", "-disable-llvm-passes", "-emit-llvm"];

export async function openClang(workload, work) {
  const site = new Site(workload, work);
  const tree = new SourceTree(workload, work);
  const compiler = new ClangCompiler(workload, tree);
  const states = await tree.states((...request) => compiler.toBitcode(...request));
  const fromSource = sourcePeers(compiler, site.settings, site.ownCache);
  const fromBitcode = bitcodePeers(site.settings, site.newCache);
  const driver = new Driver(workload, compiler.flags, work);
  return {
    site,
    states,
    files: tree.sources.length,
    others: [...fromSource.contenders, ...fromBitcode.contenders],
    absent: [...fromSource.absent, ...fromBitcode.absent],
    baseline,
    driver,
    compile: (...request) => compiler.command(...request),
    check: driver.check(),
  };
}

class ClangCompiler {
  #sources;
  flags;

  constructor(workload, { root, sources }) {
    this.#sources = sources;
    this.flags = workload.flags(root);
  }

  /** The command that compiles a source at -O2. */
  command(source, output, ...flags) {
    const common = ["-w", "-O2", "-fPIC", ...this.flags];
    return [clangFor(source), ...common, ...flags, "-c", source, "-o", output];
  }

  frontend(source, bitcode, ...flags) {
    return this.command(source, bitcode, ...frontendOnly, ...flags);
  }

  /** For SourceTree.states. */
  async toBitcode(folder, edited) {
    const bitcode = this.#sources.map((_, i) => path.join(folder, `${i}.bc`));
    await runAll(
      this.#sources.map((source, i) =>
        this.frontend(source, bitcode[i], "-MD", "-MF", `${bitcode[i]}.d`),
      ),
    );
    const indices = [...bitcode.keys()];
    return { bitcode, changed: indices.filter((i) => dependsOn(`${bitcode[i]}.d`, edited)) };
  }
}

function dependsOn(dependencyFile, files) {
  const words = readFileSync(dependencyFile, "utf8").split(/\s+/);
  const names = new Set(words.map((word) => path.normalize(word)));
  return files.some((file) => names.has(file));
}

/** Runs commands whose time does not matter, one on each core. */
export async function runAll(commands) {
  const queue = [...commands];
  const lane = async () => {
    for (let next = queue.shift(); next; next = queue.shift())
      await promisify(execFile)(next[0], next.slice(1), { maxBuffer: 2 ** 28 });
  };
  await Promise.all(Array.from({ length: os.availableParallelism() }, lane));
}
