/** `finegrain bench`. */

import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { type BitcodeBench, benchBitcode } from "../bench/bitcode";
import { type Machine, machine } from "../bench/machine";
import { absentLines, machineLines, phaseTable, resultTable } from "../bench/markdown";
import { reportFailure } from "./failure";
import { ProgressBar } from "./progress";

interface Flags {
  units: "module" | "function";
  emit: "shared" | "executable";
  O: string;
  codegenOnly?: true;
  threads: number[];
  rounds: number;
  peers: boolean;
  json?: true;
}

export function benchCommand(lldArguments: string[]): Command {
  return new Command("bench")
    .description("measure builds of your bitcode: cold, cached and edited, beside other tools")
    .usage("INPUT... [options] [-- LLD ARGS...]")
    .argument("<input...>", "files of bitcode, textual IR, or ar archives of these")
    .addOption(
      new Option("--units <kind>", "what is compiled on its own")
        .choices(["module", "function"])
        .default("function"),
    )
    .addOption(
      new Option("--emit <kind>", "what to build")
        .choices(["shared", "executable"])
        .default("shared"),
    )
    .addOption(
      new Option("-O <level>", "optimisation level")
        .choices(["0", "1", "2", "3", "s", "z"])
        .default("2"),
    )
    .option("--codegen-only", "take the input as optimised already")
    .option("--threads <list>", "jobs at a time, each is measured", countsIn, [1, 2, 4])
    .option("--rounds <n>", "how often everything is measured", countIn, 3)
    .option("--no-peers", "measure finegrain alone")
    .option("--json", "print one JSON object")
    .action((inputs: string[], flags: Flags) => run(inputs, flags, lldArguments));
}

function countIn(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1) throw new InvalidArgumentError("not a whole number");
  return count;
}

function countsIn(text: string): number[] {
  return text.split(",").map(countIn);
}

async function run(inputs: string[], flags: Flags, lldArguments: string[]): Promise<void> {
  const { O, json, ...same } = flags;
  const work = mkdtempSync(path.join(os.tmpdir(), "finegrain-bench-"));
  const progress = new ProgressBar("measuring");
  const where = machine(); // before its load is ours
  try {
    const outcome = await benchBitcode({
      ...same,
      inputs,
      work,
      level: `O${O}`,
      codegenOnly: flags.codegenOnly ?? false,
      linkArguments: lldArguments,
      onProgress: (done, total) => progress.show(done, total),
    });
    progress.stop();
    const result = { machine: { ...where, versions: machine().versions }, ...outcome };
    process.stdout.write(json ? `${JSON.stringify(result)}\n` : textOf(result));
  } catch (error) {
    progress.stop();
    reportFailure(error);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function textOf(bench: BitcodeBench & { machine: Machine }): string {
  const { results, failures, absent, modules, functions } = bench;
  return `${machineLines(bench.machine)}

${modules} modules, ${functions} functions, medians of ${results[0]!.rounds}. Ratios are to ${bench.baseline}; spread is slowest ÷ fastest.
Whole processes, from bitcode. An edit changes a constant: in one function, or, as a
header might, in every tenth function of every module.

${resultTable(results, bench.baseline)}

The phases of finegrain's builds, in milliseconds:

${phaseTable(results)}

${absentLines(absent, failures)}
`;
}
