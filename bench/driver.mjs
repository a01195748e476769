// Runs what was built: a program, or a library through a program that uses it.

import { copyFileSync, mkdirSync } from "node:fs";
import path from "node:path";
import { findTool, measure, one } from "../dist/bench.js";

export const clangFor = (source) =>
  findTool(/\.(cc|cpp)$/.test(source) ? "clang++" : "clang").command;

export class Driver {
  #workload;
  #flags;
  #work;

  constructor(workload, flags, work) {
    this.#workload = workload;
    this.#flags = flags;
    this.#work = work;
    mkdirSync(path.join(work, "driver"), { recursive: true });
  }

  /** A program for `output`. A library goes to where its program was told to look. */
  async programFor(output, name = "library.so") {
    const { driver, libraries } = this.#workload;
    if (!driver) return output;
    const library = path.join(this.#work, "driver", name);
    copyFileSync(output, library);
    const flags = ["-w", "-O2", ...this.#flags];
    const program = `${library}.program`;
    await measure([one(clangFor(driver), ...flags, driver, library, ...libraries, "-o", program)]);
    return program;
  }

  /** Runs a program for as long as it needs to be measured; `words` make it another run. */
  run(program, words = this.#workload.arguments?.(this.#work) ?? []) {
    return measure([one(program, ...words)]);
  }

  /** Just long enough to tell that it works. */
  get #quick() {
    const { driver, takesQuick = driver !== undefined } = this.#workload;
    return takesQuick ? ["quick"] : undefined;
  }

  /** For a contest: all outputs must print what the first one of their state prints, the baseline's. */
  check(stateOf = () => "any") {
    const expected = new Map();
    return async (output, state) => {
      const { stdout } = await this.run(await this.programFor(output), this.#quick);
      const key = stateOf(state);
      if (!expected.has(key)) expected.set(key, stdout);
      if (stdout === expected.get(key) && stdout !== "") return;
      throw new Error(`${path.basename(output)} printed\n${stdout}and not\n${expected.get(key)}`);
    };
  }
}
