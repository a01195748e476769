/** What else makes a program from bitcode, a file at a time as make would do it. */

import { mkdirSync } from "node:fs";
import path from "node:path";
import type { CacheFolder, Contender, Scenario, Task } from "./contender";
import { one, quoted, type Stage } from "./measure";
import { findTool, type ToolName } from "./tools";

/** How all contenders build. */
export interface BuildSettings {
  emit: "shared" | "executable" | "image";
  level: string;
  codegenOnly: boolean;
  /** For lld. */
  linkArguments: readonly string[];
  /** Jobs of the peers. */
  jobs: number;
  /** A folder for what they keep. */
  work: string;
}

export interface Recipe {
  name: string;
  startsFrom: Contender["startsFrom"];
  compile(input: string, object: string): string[];
  cache?: CacheFolder;
  /** Where nothing has changed, files go through a cache again, or the linker has one. */
  onHits?: "compile" | "link";
  linkFlags?: string[];
  env?: Record<string, string>;
  before?(): void;
  after?(): void;
}

/** Compiles the files that have changed, and links all. */
export class FileByFile implements Contender {
  readonly name: string;
  readonly startsFrom: Contender["startsFrom"];
  readonly cache: CacheFolder | undefined;
  readonly env: Record<string, string>;
  readonly before: (() => void) | undefined;
  readonly after: (() => void) | undefined;
  readonly #recipe: Recipe;
  readonly #settings: BuildSettings;
  #first: string | undefined;

  constructor(recipe: Recipe, settings: BuildSettings) {
    this.#recipe = recipe;
    this.#settings = settings;
    ({ name: this.name, startsFrom: this.startsFrom, cache: this.cache } = recipe);
    ({ before: this.before, after: this.after } = recipe);
    this.env = recipe.env ?? {};
  }

  /** An edit that touches every file is as a cold build. */
  takesPart({ kind, state }: Scenario): boolean {
    if (kind === "edit") return state.changed.length < state.bitcode.length;
    return kind === "cold" || (kind === "hits" && this.#recipe.onHits !== undefined);
  }

  stages({ state, kind, output, linkArguments = [] }: Task): Stage[] {
    const inputs = this.startsFrom === "source" ? state.sources : state.bitcode;
    const changed = new Set(kind === "edit" ? state.changed : inputs.keys());
    this.#first ??= state.name;
    const objects = inputs.map((_, i) =>
      this.#object(changed.has(i) ? state.name : this.#first!, i),
    );
    const isCompiled = kind !== "hits" || this.#recipe.onHits === "compile";
    const commands = [...(isCompiled ? changed : [])].map((i) =>
      this.#recipe.compile(inputs[i]!, objects[i]!),
    );
    const { jobs } = this.#settings;
    return [
      ...(isCompiled ? [{ commands, jobs }] : []),
      this.#link(objects, output, linkArguments),
    ];
  }

  #object(state: string, index: number): string {
    const folder = path.join(this.#settings.work, `${this.name} ${state}`.replaceAll(/\W+/g, "-"));
    mkdirSync(folder, { recursive: true });
    return path.join(folder, `${index}.o`);
  }

  #link(objects: string[], output: string, moreArguments: readonly string[]): Stage {
    const { emit, linkArguments } = this.#settings;
    const kind = emit === "executable" ? [] : ["-shared"];
    const lld = findTool("lld") ? ["-fuse-ld=lld"] : [];
    const own = this.#recipe.linkFlags ?? [];
    const more = [...linkArguments, ...moreArguments].map(forDriver);
    return one(
      findTool("clang")!.command,
      ...kind,
      ...lld,
      ...own,
      ...objects,
      ...more,
      "-o",
      output,
    );
  }
}

/** clang knows libraries and files; lld's other arguments it must be told to hand on. */
function forDriver(argument: string): string {
  return /^(-l|-L|[^-])/.test(argument) ? argument : `-Wl,${argument}`;
}

export interface Absent {
  name: string;
  reason: string;
}

/** Those that can run here, and why the others cannot. */
export function bitcodePeers(
  settings: BuildSettings,
  newCache: (name: string) => CacheFolder,
): { contenders: Contender[]; absent: Absent[] } {
  const contenders: Contender[] = [];
  const absent: Absent[] = [];
  for (const { name, needs, recipe } of peers) {
    const missing = needs.filter((tool) => !findTool(tool));
    if (settings.codegenOnly && name === thinLto)
      absent.push({ name, reason: "it optimises, and only code is to be generated" });
    else if (missing.length > 0)
      absent.push({ name, reason: `not installed: ${missing.join(", ")}` });
    else contenders.push(new FileByFile({ name, ...recipe(settings, newCache) }, settings));
  }
  return { contenders, absent };
}

const thinLto = "ThinLTO, lld's cache";

type PeerRecipe = Omit<Recipe, "name">;
const peers: {
  name: string;
  needs: ToolName[];
  recipe(settings: BuildSettings, newCache: (name: string) => CacheFolder): PeerRecipe;
}[] = [
  {
    name: "clang",
    needs: ["clang"],
    recipe: ({ level, codegenOnly }) => ({
      startsFrom: "bitcode",
      compile: (input, object) => clangCommand(level, codegenOnly, input, object),
    }),
  },
  {
    name: "opt and llc",
    needs: ["opt", "llc", "clang"],
    recipe: ({ level, codegenOnly }) => ({
      startsFrom: "bitcode",
      compile: (input, object) => optAndLlcCommand(level, codegenOnly, input, object),
    }),
  },
  {
    name: thinLto,
    needs: ["clang", "lld"],
    recipe: ({ level, jobs }, newCache) => {
      const cache = newCache("thinlto");
      const options = [`--thinlto-cache-dir=${cache.folder}`, `--thinlto-jobs=${jobs}`];
      return {
        startsFrom: "bitcode",
        cache,
        onHits: "link",
        compile: (input, object) => clangCommand(level, false, input, object, "-flto=thin"),
        linkFlags: ["-flto=thin", ...options.map((option) => `-Wl,${option}`)],
      };
    },
  },
];

export function clangCommand(
  level: string,
  codegenOnly: boolean,
  input: string,
  object: string,
  ...more: string[]
): string[] {
  const passes = codegenOnly ? ["-Xclang", "-disable-llvm-passes"] : [];
  const { command } = findTool("clang")!;
  return [command, "-w", `-${level}`, "-fPIC", ...passes, ...more, "-c", input, "-o", object];
}

/** One process each, joined by a pipe. */
export function optAndLlcCommand(
  level: string,
  codegenOnly: boolean,
  input: string,
  object: string,
): string[] {
  const generate = `${findTool("llc")!.command} -${codegenLevel(level)} -relocation-model=pic -filetype=obj`;
  const [from, to] = [quoted(input), quoted(object)];
  if (codegenOnly) return ["sh", "-c", `${generate} ${from} -o ${to}`];
  const optimise = `${findTool("opt")!.command} -passes='default<${level}>'`;
  return ["bash", "-o", "pipefail", "-c", `${optimise} ${from} | ${generate} -o ${to}`];
}

/** llc knows no levels of size. */
function codegenLevel(level: string): string {
  return /^O[sz]$/.test(level) ? "O2" : level;
}
