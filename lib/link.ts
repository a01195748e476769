/** What lld is told for each kind of output, and in which process it runs. */

import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { FinegrainError } from "./errors";
import { native } from "./native";
import { programPath } from "./package";
import { type CRuntime, findCRuntime } from "./runtime";

export type LinkedOutput = "shared" | "image" | "executable" | "object";

export interface LinkRequest {
  kind: LinkedOutput;
  triple: string;
  objects: Members;
  output: string;
  /** The user's own arguments for lld. */
  args: string[];
  /** Run lld in a process of its own. */
  isolate: boolean;
}

/** What goes into an archive, or to the linker. */
export interface Members {
  names: string[];
  contents: Uint8Array[];
}

export interface LinkArguments {
  before: string[];
  after: string[];
}

/** Of objects. Up to there, several threads of lld take longer than one, and keep others waiting. */
const manyBytes = 16 * 1024 * 1024;

/** Links, and returns lld's warnings. lld writes what it has read into `dependencies`. */
export async function link(request: LinkRequest, dependencies: string): Promise<string> {
  const { before, after } = linkArguments(request);
  const { names, contents } = request.objects;
  const size = contents.reduce((sum, { length }) => sum + length, 0);
  const threads = size < manyBytes ? ["--threads=1"] : [];
  const tracing = [`--dependency-file=${dependencies}`, ...threads, ...before];
  if (!request.isolate) return native.link(tracing, names, contents, after);
  const archive = await native.writeArchive(names, contents, false);
  return linkInChild({ before: tracing, after }, archive);
}

/** lld leaks some memory at each link; a process of its own gives it back. */
async function linkInChild(args: LinkArguments, archive: Uint8Array): Promise<string> {
  const child = spawn(process.execPath, [programPath("link-child"), JSON.stringify(args)]);
  child.stdin.on("error", () => {}); // it died: its exit status says so
  child.stdin.end(archive);
  const ended = new Promise<string>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status, signal) => resolve(signal ?? String(status)));
  });
  const [stdout, stderr, status] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    ended,
  ]);
  if (status === "0") return stdout;
  throw new FinegrainError("LINK_FAILED", stderr.trim() || `lld's process ended with ${status}`);
}

export function linkArguments({
  kind,
  triple,
  output,
  args,
}: Pick<LinkRequest, "kind" | "triple" | "output" | "args">): LinkArguments {
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
