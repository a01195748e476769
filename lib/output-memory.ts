/**
 * Outputs of whole builds. Where inputs, options and what the linker read are as
 * they were, the output comes back without a look into the inputs.
 *
 * What the linker read is told from files by size and time, as make does it. The
 * folders that it searched are among them, since a new file there may come before
 * the one that it found. Files that were written just now are not trusted: they
 * could be written again within the clock's grain.
 */

import { readFileSync, statSync } from "node:fs";
import path from "node:path";
import type { InputFile } from "./inputs";
import { type LinkArguments, type LinkedOutput, linkArguments } from "./link";
import type { Faults } from "./lookups";
import { isRecent, MemoryLookups, memoryEntry, memoryKeyOf, mostBytes } from "./memories";
import { native } from "./native";
import type { ResolvedBuild } from "./options";
import type { BuildReport } from "./report";
import type { Store } from "./store/store";

/** What the report says of a build, whether it is done or recalled. */
export type Outcome = Pick<BuildReport, "units" | "wholeModules" | "warnings"> & {
  simplified: number;
};

interface Head {
  outcome: Outcome;
  /** Milliseconds since 1970. */
  madeAt: number;
  /** Undefined where nothing was linked. */
  link?: { triple: string; arguments: LinkArguments; files: FileState[] };
}

interface FileState {
  path: string;
  /** Size and time. */
  state: string;
}

/** Files must have been left alone for so long, in milliseconds. */
const settledAfter = 2000;

/** Other arguments may have lld write further files, or read what it does not tell. */
const plainArgument = /^(-l|-L.|--as-needed$|--no-as-needed$|[^-@])/;

export class OutputMemory {
  readonly #options: ResolvedBuild;
  readonly #faults: Faults;
  /** Undefined where nothing is remembered: a key takes reading all inputs through. */
  readonly #place: { store: Store; key: Uint8Array } | undefined;

  constructor(
    options: ResolvedBuild,
    files: readonly InputFile[],
    store: Store | undefined,
    faults: Faults,
  ) {
    this.#options = options;
    this.#faults = faults;
    if (store && options.link.args.every((arg) => plainArgument.test(arg)))
      this.#place = { store, key: keyOf(options, files) };
  }

  async recall(): Promise<{ content: Uint8Array; outcome: Outcome } | undefined> {
    if (!this.#place) return undefined;
    const { store, key } = this.#place;
    const parts = await new MemoryLookups(store, ["head", "output"], this.#faults).get(key);
    try {
      if (!parts) return undefined;
      const head: Head = JSON.parse(Buffer.from(parts.head!).toString());
      return this.#isCurrent(head) ? { content: parts.output!, outcome: head.outcome } : undefined;
    } catch {
      return undefined;
    }
  }

  /** `dependencies` is the file in which lld tells what it read. */
  async remember(
    outcome: Outcome,
    file: string,
    linked?: { triple: string; dependencies: string },
  ): Promise<void> {
    if (!this.#place || statSync(file).size > mostBytes) return;
    const { store, key } = this.#place;
    const files = linked && this.#filesIn(linked.dependencies);
    if (linked && !files) return;
    const head: Head = { outcome, madeAt: Date.now() };
    if (linked)
      head.link = {
        triple: linked.triple,
        arguments: this.#arguments(linked.triple),
        files: files!,
      };
    const parts = { head: Buffer.from(JSON.stringify(head)), output: readFileSync(file) };
    const { errors } = await store.putMany([memoryEntry(key, parts)]);
    this.#faults.errors.push(...errors);
  }

  #isCurrent({ madeAt, link }: Head): boolean {
    if (!isRecent(madeAt)) return false;
    if (!link) return true;
    const now = JSON.stringify(this.#arguments(link.triple));
    return (
      now === JSON.stringify(link.arguments) &&
      link.files.every(({ path, state }) => stateOf(path)?.text === state)
    );
  }

  #arguments(triple: string): LinkArguments {
    const { emit, link } = this.#options;
    return linkArguments({ kind: emit as LinkedOutput, triple, output: "", args: link.args });
  }

  /** Undefined where they cannot be told, or have only just been written. */
  #filesIn(dependencies: string): FileState[] | undefined {
    try {
      const files = parseDependencies(readFileSync(dependencies, "utf8"));
      const folders = [...files.map((file) => path.dirname(file)), ...this.#searchPaths()];
      return [...new Set([...files, ...folders])].map((file) => {
        const state = stateOf(file);
        if (!state || Date.now() - state.time < settledAfter) throw new Error(`${file} is new`);
        return { path: file, state: state.text };
      });
    } catch {
      return undefined;
    }
  }

  #searchPaths(): string[] {
    return this.#options.link.args
      .filter((arg) => arg.startsWith("-L"))
      .map((arg) => path.resolve(arg.slice(2)));
  }
}

function keyOf(options: ResolvedBuild, files: readonly InputFile[]): Uint8Array {
  const { emit, units, level, codegenOnly, target, cpu, features, link } = options;
  return memoryKeyOf("output", {
    ...{ emit, units, level, codegenOnly, target, cpu, features },
    arguments: link.args,
    folder: link.args.length > 0 ? process.cwd() : "",
    // Archives hold the names of their members.
    inputs: files.map(({ name, bytes }) => [
      path.basename(name),
      native.hash(bytes).toString("hex"),
    ]),
  });
}

function stateOf(file: string): { text: string; time: number } | undefined {
  const stat = statSync(file, { bigint: true, throwIfNoEntry: false });
  return stat && { text: `${stat.size} ${stat.mtimeNs}`, time: Number(stat.mtimeMs) };
}

/** The prerequisites of a rule in make's language; throws on names that it has to quote. */
function parseDependencies(text: string): string[] {
  const rule = text.split("\n\n")[0]!;
  const files = rule.split(" \\\n ").slice(1);
  if (files.some((file) => /[\\$#]/.test(file))) throw new Error("a quoted name");
  // Our own archive is a file in memory.
  return files
    .filter((file) => !file.startsWith("/proc/self/fd/"))
    .map((file) => path.resolve(file));
}
