/** The programs of others that a benchmark may run, where they are installed. */

import { spawnSync } from "node:child_process";

export interface Tool {
  command: string;
  version: string;
}

/** Debian's programs of LLVM carry its version in their names. */
const candidates = {
  clang: ["clang-22", "clang"],
  "clang++": ["clang++-22", "clang++"],
  opt: ["opt-22", "opt"],
  llc: ["llc-22", "llc"],
  lld: ["ld.lld-22", "ld.lld"],
  ccache: ["ccache"],
  sccache: ["sccache"],
  rustc: ["rustc"],
} as const;
export type ToolName = keyof typeof candidates;

const found = new Map<ToolName, Tool | undefined>();

export function findTool(name: ToolName): Tool | undefined {
  if (!found.has(name)) found.set(name, look(candidates[name]));
  return found.get(name);
}

/** Of all that were found. */
export function toolVersions(): Record<string, string> {
  const tools = [...found].filter(([, tool]) => tool);
  return Object.fromEntries(tools.map(([name, tool]) => [name, tool!.version]));
}

function look(commands: readonly string[]): Tool | undefined {
  for (const command of commands) {
    const { status, stdout } = spawnSync(command, ["--version"], { encoding: "utf8" });
    if (status === 0) return { command, version: /\d+(\.\d+)+\S*/.exec(stdout)?.[0] ?? "unknown" };
  }
  return undefined;
}
