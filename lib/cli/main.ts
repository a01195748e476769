/** The command line: parses, calls the library, prints. Exit status: 0 done, 1 failed, 2 wrong usage. */

import { Command, CommanderError } from "commander";
import { version } from "../../package.json";
import { benchCommand } from "./bench";
import { buildCommand } from "./build";
import { cacheCommand } from "./cache";

/** What stands behind "--" goes to lld, unread. */
function splitArguments(argv: string[]): { own: string[]; lld: string[] } {
  const end = argv.indexOf("--");
  return end < 0 ? { own: argv, lld: [] } : { own: argv.slice(0, end), lld: argv.slice(end + 1) };
}

/** Commands throw instead, so that the exit status is set in one place. */
function neverExit(command: Command): void {
  command.exitOverride();
  command.commands.forEach(neverExit);
}

async function main(): Promise<void> {
  const { own, lld } = splitArguments(process.argv);
  const program = new Command("finegrain")
    .description("Compile LLVM bitcode, one unit at a time, and never the same unit twice.")
    .version(version)
    .addCommand(buildCommand(lld))
    .addCommand(cacheCommand())
    .addCommand(benchCommand(lld));
  neverExit(program);
  try {
    await program.parseAsync(own);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  }
}

void main();
