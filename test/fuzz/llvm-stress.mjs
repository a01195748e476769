// Random LLVM modules: where opt and llc take one, finegrain must.

import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import { build } from "../../dist/index.js";
import { tryAll } from "./farm.mjs";

const exec = promisify(execFile);

async function attempt(seed, folder) {
  const [text, bitcode, output] = ["a.ll", "a.bc", "a.o"].map((name) => path.join(folder, name));
  const size = 100 + 50 * (seed % 5);
  await exec("llvm-stress-22", [`-seed=${seed}`, `-size=${size}`, "-o", text]);
  try {
    await exec("opt-22", ["-O2", text, "-o", bitcode], { timeout: 60_000 });
    await exec("llc-22", ["-O2", "-filetype=obj", bitcode, "-o", output], { timeout: 60_000 });
  } catch (error) {
    return `skipped: LLVM's own tools fail: ${error.message.split("\n")[1]}`;
  }
  const common = { output, units: "function", emit: "object", cache: "off" };
  await build({ ...common, inputs: [text] });
  await build({ ...common, inputs: [bitcode], codegenOnly: true });
  return "passed";
}

await tryAll(import.meta.filename, attempt);
