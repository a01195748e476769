/** `finegrain build`. */

import os from "node:os";
import { Command, InvalidArgumentError, Option } from "commander";
import { build } from "../index";
import { type BuildOptions, type Emit, emitSchema, type Level, threadsFrom } from "../options";
import { reportFailure } from "./failure";
import { ProgressBar } from "./progress";

interface Flags {
  output: string;
  units: "module" | "function";
  emit?: Emit;
  O: string;
  codegenOnly?: true;
  target?: string;
  cpu?: string;
  features?: string;
  threads?: number;
  cache?: string;
  timings?: true;
  json?: true;
  verify?: true;
}

export function buildCommand(lldArguments: string[]): Command {
  return new Command("build")
    .description("build an output from bitcode, textual IR or archives of these")
    .usage("INPUT... -o OUT [options] [-- LLD ARGS...]")
    .argument("<input...>", "files of bitcode, textual IR, or ar archives of these")
    .requiredOption("-o, --output <file>", "the file to write")
    .addOption(
      new Option("--units <kind>", "what is compiled on its own")
        .choices(["module", "function"])
        .default("module"),
    )
    .addOption(
      new Option("--emit <kind>", "what to write (default: by the output's ending)").choices(
        emitSchema.options,
      ),
    )
    .addOption(
      new Option("-O <level>", "optimisation level")
        .choices(["0", "1", "2", "3", "s", "z"])
        .default("2"),
    )
    .option("--codegen-only", "take the input as optimised already")
    .option("--target <triple>", "target triple (default: the inputs' own)")
    .option("--cpu <name>", 'CPU to build for, or "native"')
    .option("--features <list>", "target features, such as +avx2,-sse4a")
    .option("--threads <n>", "jobs at a time", threadCount)
    .option("--cache <place>", 'folder or URL of the cache, or "off"')
    .option("--timings", "print the time of each phase and the hit rate")
    .option("--json", "print the report as one JSON object")
    .option("--verify", "compile every hit again and compare")
    .action((inputs: string[], flags: Flags) => run(inputs, flags, lldArguments));
}

function threadCount(text: string): number {
  const threads = Number(text);
  if (!Number.isInteger(threads) || threads < 1)
    throw new InvalidArgumentError("not a number of threads");
  return threads;
}

async function run(inputs: string[], flags: Flags, lldArguments: string[]): Promise<void> {
  const { O, json, ...same } = flags;
  const interrupt = new AbortController();
  const onInterrupt = () => interrupt.abort();
  process.once("SIGINT", onInterrupt);
  const progress = new ProgressBar("compiling");
  const options: BuildOptions = {
    ...same,
    inputs,
    level: `O${O}` as Level,
    link: { args: lldArguments },
    signal: interrupt.signal,
    onProgress: ({ phase, done, total }) => {
      if (phase === "emit") progress.show(done, total);
    },
  };
  try {
    fitThreadPool(options.threads);
    const report = await build(options);
    progress.stop();
    for (const warning of report.warnings) process.stderr.write(`finegrain: warning: ${warning}\n`);
    if (json) process.stdout.write(`${JSON.stringify(report)}\n`);
  } catch (error) {
    progress.stop();
    reportFailure(error);
  } finally {
    process.removeListener("SIGINT", onInterrupt);
  }
}

/**
 * libuv fixes the size of its pool at first use. With fewer threads jobs would
 * wait, with more they would wander from one thread's caches to another's: a
 * tenth of the time that many small functions take.
 */
function fitThreadPool(threads = threadsFrom(process.env, os.availableParallelism())): void {
  process.env.UV_THREADPOOL_SIZE ??= String(threads);
}
