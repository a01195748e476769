/** What callers may ask for: checked, completed from the environment, in one shape. */

import os from "node:os";
import path from "node:path";
import * as v from "valibot";
import { FinegrainError } from "./errors";
import { native } from "./native";

// v.instance would infer Uint8Array<ArrayBuffer>, which not even compile() returns.
const bytesSchema = v.custom<Uint8Array>(
  (bytes) => bytes instanceof Uint8Array,
  "must be a Uint8Array",
);

const inputSchema = v.union([v.string(), v.strictObject({ name: v.string(), bytes: bytesSchema })]);

const emitSchema = v.picklist([
  "shared",
  "executable",
  "object",
  "archive",
  "asm",
  "bitcode",
  "image",
]);

const levelSchema = v.picklist(["O0", "O1", "O2", "O3", "Os", "Oz"]);

/** How code is made: the options that compile() and build() share. */
const codeEntries = {
  level: v.optional(levelSchema, "O2"),
  codegenOnly: v.optional(v.boolean(), false),
  target: v.optional(v.string()),
  cpu: v.optional(v.string(), ""),
  features: v.optional(v.string(), ""),
};

const buildSchema = v.strictObject({
  inputs: v.pipe(v.array(inputSchema), v.minLength(1, "at least one input is needed")),
  output: v.pipe(v.string(), v.minLength(1, "must not be empty")),
  units: v.optional(v.picklist(["module"]), "module"),
  emit: v.optional(emitSchema),
  ...codeEntries,
  threads: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1024))),
  cache: v.optional(v.string()),
  verify: v.optional(v.boolean(), false),
  timings: v.optional(v.boolean()),
  link: v.optional(v.strictObject({ args: v.optional(v.array(v.string()), []) }), { args: [] }),
  signal: v.optional(v.instance(AbortSignal)),
  onProgress: v.optional(v.custom<(event: ProgressEvent) => void>((f) => typeof f === "function")),
});

const compileSchema = v.strictObject({
  input: inputSchema,
  emit: v.optional(v.picklist(["object", "asm", "bitcode"]), "object"),
  ...codeEntries,
});

export interface ProgressEvent {
  phase: "read" | "split" | "emit";
  /** Inputs or units done so far, of `total`. */
  done: number;
  total: number;
}

export type Input = v.InferOutput<typeof inputSchema>;
export type Emit = v.InferOutput<typeof emitSchema>;
export type Level = v.InferOutput<typeof levelSchema>;
export type BuildOptions = v.InferInput<typeof buildSchema>;
export type CompileOptions = v.InferInput<typeof compileSchema>;

type Complete<T, K extends keyof T> = T & { [P in K]-?: Exclude<T[P], undefined> };
export type ResolvedBuild = Complete<
  v.InferOutput<typeof buildSchema>,
  "emit" | "threads" | "cache" | "timings"
>;
export type ResolvedCompile = v.InferOutput<typeof compileSchema>;

function check<S extends v.GenericSchema>(schema: S, options: unknown): v.InferOutput<S> {
  const result = v.safeParse(schema, options);
  if (result.success) return result.output;
  const [issue] = result.issues;
  const where = v.getDotPath(issue);
  throw new FinegrainError("INVALID_OPTION", where ? `${where}: ${issue.message}` : issue.message);
}

const emitByExtension: Record<string, Emit> = {
  ".so": "shared",
  ".o": "object",
  ".a": "archive",
  ".s": "asm",
  ".bc": "bitcode",
};

function userCacheFolder(env: NodeJS.ProcessEnv): string {
  return path.join(env.XDG_CACHE_HOME || path.join(os.homedir(), ".cache"), "finegrain");
}

/** libuv's pool runs the jobs; it has 4 threads unless this variable says otherwise. */
function poolSize(env: NodeJS.ProcessEnv): number {
  return Number(env.UV_THREADPOOL_SIZE) || 4;
}

function threadsFrom(env: NodeJS.ProcessEnv): number {
  const text = env.FINEGRAIN_THREADS || env.JULIA_IMAGE_THREADS;
  if (!text) return Math.min(os.availableParallelism(), poolSize(env));
  const threads = Number(text);
  if (Number.isInteger(threads) && threads >= 1) return threads;
  throw new FinegrainError("INVALID_OPTION", `FINEGRAIN_THREADS: not a number of threads: ${text}`);
}

export function resolveBuild(options: BuildOptions, env = process.env): ResolvedBuild {
  const checked = check(buildSchema, options);
  return {
    ...resolveHostCPU(checked),
    output: path.resolve(checked.output),
    emit: checked.emit ?? emitByExtension[path.extname(checked.output)] ?? "executable",
    threads: checked.threads ?? threadsFrom(env),
    cache: checked.cache ?? env.FINEGRAIN_CACHE ?? env.JULIA_NATIVE_CACHE ?? userCacheFolder(env),
    timings: checked.timings ?? (env.FINEGRAIN_TIMINGS === "1" || env.JULIA_IMAGE_TIMINGS === "1"),
  };
}

export function resolveCompile(options: CompileOptions): ResolvedCompile {
  return resolveHostCPU(check(compileSchema, options));
}

/** `native` becomes this machine's CPU and features, so that the key names them. */
function resolveHostCPU<T extends { cpu: string; features: string }>(options: T): T {
  if (options.cpu !== "native") return options;
  const host = native.host();
  const features = [host.features, options.features].filter(Boolean).join(",");
  return { ...options, cpu: host.cpu, features };
}
