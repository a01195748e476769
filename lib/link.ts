/** What lld is told for each kind of output. */

import { FinegrainError } from "./errors";
import { native } from "./native";
import { type CRuntime, findCRuntime } from "./runtime";

export type LinkedOutput = "shared" | "image" | "executable" | "object";

export interface LinkRequest {
  kind: LinkedOutput;
  triple: string;
  /** An archive of all the objects. */
  archive: Uint8Array;
  output: string;
  /** The user's own arguments for lld. */
  args: string[];
}

/** Links, and returns lld's warnings. */
export async function link(request: LinkRequest): Promise<string> {
  const { before, after } = linkArguments(request);
  return native.link(before, request.archive, after);
}

function linkArguments({ kind, triple, output, args }: LinkRequest) {
  const runtime = findCRuntime(triple);
  // A damaged file ends the process where another of lld's threads than its first
  // one finds it, and only arguments can bring one in.
  const threads = args.length > 0 ? ["--threads=1"] : [];
  const common = [...runtime.target, ...threads, "-o", output];
  if (kind === "object") return { before: [...common, "-r"], after: args };
  const { before, after } = runtimeArguments(runtime, kind, triple);
  return {
    before: [...common, "--hash-style=gnu", "--eh-frame-hdr", ...kindArguments(kind), ...before],
    after: [...args, ...after],
  };
}

function kindArguments(kind: LinkedOutput): string[] {
  if (kind === "executable") return ["-pie"];
  // The image's table reaches its slots by offset, so they must bind within it.
  return kind === "image" ? ["-shared", "-Bsymbolic"] : ["-shared"];
}

/**
 * The C runtime around the units, as clang puts it. An executable cannot do
 * without; a library that needs a part which is missing fails in lld, by name.
 */
function runtimeArguments(runtime: CRuntime, kind: LinkedOutput, triple: string) {
  const startNames = ["crti.o", "crtbeginS.o"];
  const endNames = ["crtendS.o", "crtn.o"];
  if (kind === "executable") startNames.unshift("Scrt1.o");
  const names = [...startNames, ...endNames];
  const missing = names.filter((name) => runtime.find(name) === undefined);
  if (kind === "executable" && runtime.dynamicLinker === undefined)
    missing.push("a dynamic linker");
  const search = runtime.searchPaths.map((folder) => `-L${folder}`);
  if (missing.length > 0) {
    if (kind === "executable")
      throw new FinegrainError(
        "MISSING_RUNTIME",
        `an executable for ${triple} needs the system's C runtime; not found: ` +
          `${missing.join(", ")} (Debian: apt-get install gcc libc6-dev)`,
      );
    return { before: search, after: [] };
  }
  const find = (name: string) => runtime.find(name)!;
  const loader = kind === "executable" ? ["-dynamic-linker", runtime.dynamicLinker!] : [];
  const gcc = ["-lgcc", "--as-needed", "-lgcc_s", "--no-as-needed"];
  return {
    before: [...loader, ...startNames.map(find), ...search],
    after: [...gcc, "-lc", ...gcc, ...endNames.map(find)],
  };
}
