/** What the tests share: a folder of their own, compilers, and programs to run. */

import { execFile, execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { type BuildOptions, build } from "../lib";

/** A private folder, removed after the tests of the file. */
export class Workspace {
  readonly folder = mkdtempSync(path.join(os.tmpdir(), "finegrain-test-"));

  constructor() {
    afterAll(() => rmSync(this.folder, { recursive: true, force: true }));
  }

  path(...names: string[]): string {
    return path.join(this.folder, ...names);
  }

  write(name: string, content: string | Uint8Array): string {
    const file = this.path(name);
    writeFileSync(file, content);
    return file;
  }

  /** Compiles C or C++ (by the name's ending) to unoptimised bitcode, as clang -O2 would start from. */
  bitcode(name: string, source: string, flags: string[] = []): string {
    const file = this.write(name, source);
    const output = this.path(`${path.parse(name).name}.bc`);
    const frontendOnly = ["-O2", "-fPIC", "-Xclang", "-disable-llvm-passes", "-emit-llvm", "-c"];
    clang([...frontendOnly, ...flags, file, "-o", output]);
    return output;
  }
}

/** A build with an argument that changes nothing, but keeps its output from being remembered. */
export const unitsOnly = { link: { args: ["--build-id=none"] } };

export function clang(args: string[]): void {
  execFileSync(driverFor(args), args, { stdio: ["ignore", "ignore", "inherit"] });
}

/** For what takes long and can run beside other compilers. */
export async function clangAsync(args: string[]): Promise<void> {
  await promisify(execFile)(driverFor(args), args);
}

function driverFor(args: string[]): string {
  return args.some((arg) => /\.(cc|cpp)$/.test(arg)) ? "clang++-22" : "clang-22";
}

export interface RunResult {
  status: number | null;
  stdout: string;
  stderr: string;
}

export function run(program: string, args: string[] = [], options = {}): RunResult {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8", ...options });
  return { status, stdout, stderr };
}

/** Runs the command line that dist/ holds, with `env` as its whole environment beside PATH. */
export function finegrain(
  args: string[],
  env: Record<string, string> = {},
  cwd = process.cwd(),
): RunResult {
  const main = path.join(__dirname, "../dist/cli.js");
  return run(process.execPath, [main, ...args], { cwd, env: { PATH: process.env.PATH, ...env } });
}

/** Runs JavaScript in a process of its own, where `finegrain` is the library that dist/ holds. */
export function runScript(script: string, args: string[] = []): RunResult {
  const library = JSON.stringify(path.join(__dirname, "../dist/index.js"));
  return run(process.execPath, [
    "-e",
    `const finegrain = require(${library});\n${script}`,
    ...args,
  ]);
}

/** The dynamic symbols a library defines: kind and name of each. */
export function exportsOf(library: string): string[] {
  const { stdout } = run("llvm-nm-22", ["-D", "--defined-only", library]);
  return stdout
    .split("\n")
    .map((line) => line.replace(/^[0-9a-f]+ /, ""))
    .sort();
}

/** By each symbol that an archive's members define: what its member needs from elsewhere. */
export function needsOf(archive: string): Record<string, string[]> {
  const lines = run("llvm-nm-22", ["-A", archive]).stdout.split("\n").filter(Boolean);
  const symbols = lines.map((line) => /^(.*): +(?:[0-9a-f]+ )?(\S) (\S+)$/.exec(line)!.slice(1));
  const isNeeded = (kind: string) => "Uvw".includes(kind);
  const needs = (member: string) =>
    symbols.flatMap(([other, kind, name]) => (other === member && isNeeded(kind!) ? [name!] : []));
  return Object.fromEntries(
    symbols
      .filter(([, kind]) => !isNeeded(kind!))
      .map(([member, , name]) => [name!, needs(member!).sort()]),
  );
}

/** Functions that a build worked on. */
export interface Cost {
  simplified: number;
  emitted: number;
}

/** Builds functions through a store. They must come out the same without one. */
export async function costOf(options: BuildOptions & { output: string }): Promise<Cost> {
  const { output } = options;
  const report = await build({ units: "function", ...options });
  const bytes = readFileSync(output);
  await build({ units: "function", ...options, cache: "off" });
  expect(bytes.equals(readFileSync(output))).toBe(true);
  const { simplify, cache } = report;
  return { simplified: simplify.lookups - simplify.hits, emitted: cache.misses };
}

export function digest(file: string): string {
  return createHash("sha256").update(readFileSync(file)).digest("hex");
}
