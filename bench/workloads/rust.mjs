// A Rust program. rustc compiles it as a whole; finegrain starts from what
// rustc's frontend makes of it.

import { readdirSync } from "node:fs";
import path from "node:path";
import { Finegrain, findTool, measure, one } from "../../dist/bench.js";
import { Driver } from "../driver.mjs";
import { jobs, Site } from "../site.mjs";
import { SourceTree } from "../source-tree.mjs";

const baseline = "rustc -O";

export const rust = {
  open: openRust,
  isInstalled: () => findTool("rustc") !== undefined,
  name: "rust",
  title: "a Rust program of four files, with the standard library",
  root: path.join(import.meta.dirname, "rust"),
  sources: () => ["main.rs"],
  libraries: [],
  emit: "executable",
  takesQuick: true,
  edits: {
    "one-function edit": {
      what: "a constant in `primes`",
      file: "numbers.rs",
      before: "vec![false; limit]",
      after: "vec![false; limit + 1]",
    },
    "header-wide edit": {
      what: "a constant that all parts use",
      file: "numbers.rs",
      before: "SIZE: u64 = 40_000",
      after: "SIZE: u64 = 40_400",
    },
  },
};

export async function openRust(workload, work) {
  const site = new Site(workload, work);
  const tree = new SourceTree(workload, work);
  const rustc = new RustCompiler(tree, work);
  const states = await tree.states((folder, edited) => rustc.toBitcode(folder, edited));
  site.settings.linkArguments = rustc.linkArguments;
  const frontend = {
    name: "rustc's frontend",
    stage: ({ state }) => rustc.frontend(state.bitcode[0]),
  };
  const driver = new Driver(workload, [], work);
  return {
    site,
    states,
    files: 4,
    others: [
      whole({ name: baseline, build: (output, ...flags) => rustc.build(output, ...flags) }),
      incremental(rustc, site),
      new Finegrain(site.settings, jobs, site.ownCache, frontend),
    ],
    absent: [],
    baseline,
    driver,
    check: driver.check(({ name }) => name),
  };
}

function incremental(rustc, site) {
  const cache = site.newCache("rustc");
  const build = (output, ...flags) =>
    rustc.build(output, `-Cincremental=${cache.folder}`, ...flags);
  return whole({ name: "rustc -O, incremental", cache, build });
}

/** A contender that builds everything with one command. */
function whole({ name, cache, build }) {
  const kinds = cache ? ["cold", "hits", "edit"] : ["cold", "edit"];
  return {
    name,
    cache,
    startsFrom: "source",
    takesPart: ({ kind }) => kinds.includes(kind),
    stages: ({ output, linkArguments = [] }) => [
      build(output, ...linkArguments.map((argument) => `-Clink-arg=-Wl,${argument}`)),
    ],
  };
}

class RustCompiler {
  #main;
  #work;
  #allocator;
  linkArguments;

  constructor({ sources: [main] }, work) {
    this.#main = main;
    this.#work = work;
  }

  build(output, ...flags) {
    return this.#command("-O", ...flags, "-o", output);
  }

  frontend(bitcode) {
    return this.#command("-O", "-C", "no-prepopulate-passes", "--emit=llvm-bc", "-o", bitcode);
  }

  #command(...flags) {
    return one(findTool("rustc").command, "--edition", "2021", ...flags, this.#main);
  }

  async toBitcode(folder, edited) {
    await this.#findRest();
    const program = path.join(folder, "program.bc");
    await measure([this.frontend(program)]);
    return { bitcode: [program, this.#allocator], changed: edited.length > 0 ? [0] : [] };
  }

  /** The allocator's entry points are a module that rustc makes at the end; it tells how it links. */
  async #findRest() {
    if (this.#allocator) return;
    const saved = ["-C", "save-temps", "--print", "link-args"];
    const { stdout } = await measure([this.build(path.join(this.#work, "saved"), ...saved)], {
      cwd: this.#work,
    });
    const libraries = stdout.match(/(?<=")[^"]+\.rlib(?=")/g);
    this.linkArguments = ["--start-group", ...libraries, "--end-group", "-lm"];
    const isAllocator = (name) => /^saved\..*\.rcgu\.bc$/.test(name) && !/-cgu\.\d+/.test(name);
    this.#allocator = path.join(this.#work, readdirSync(this.#work).find(isAllocator));
  }
}
