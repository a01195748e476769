/** What callers may ask for: checked, completed from the environment, in one shape. */

import os from "node:os";
import path from "node:path";
import { types } from "node:util";
import * as v from "valibot";
import { FinegrainError } from "./errors";
import { native } from "./native";
import type { Store } from "./store/store";
import { userCacheFolder } from "./user-cache";

/** v.instance would refuse a Buffer by its type, and arrays of other realms. */
const bytesSchema = v.custom<Uint8Array>(types.isUint8Array, "a Uint8Array is needed");

const inputSchema = v.union([v.string(), v.strictObject({ name: v.string(), bytes: bytesSchema })]);

export const emitSchema = v.picklist([
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

const threadsSchema = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1024));

const storeSchema = v.custom<Store>(isStore, "a folder, a URL or a store is needed");

const buildSchema = v.strictObject({
  inputs: v.pipe(v.array(inputSchema), v.minLength(1, "at least one input is needed")),
  output: v.pipe(v.string(), v.minLength(1, "must not be empty")),
  units: v.optional(v.picklist(["module", "function"]), "module"),
  emit: v.optional(emitSchema),
  ...codeEntries,
  threads: v.optional(threadsSchema),
  cache: v.optional(
    v.union([v.pipe(v.string(), v.minLength(1, "must not be empty")), storeSchema]),
  ),
  verify: v.optional(v.boolean(), false),
  timings: v.optional(v.boolean()),
  link: v.optional(
    v.strictObject({
      args: v.optional(v.array(v.string()), []),
      isolate: v.optional(v.boolean(), false),
    }),
    {},
  ),
  signal: v.optional(v.instance(AbortSignal)),
  onProgress: v.optional(v.custom<(event: ProgressEvent) => void>((f) => typeof f === "function")),
});

const compileSchema = v.strictObject({
  input: inputSchema,
  emit: v.optional(v.picklist(["object", "asm", "bitcode"]), "object"),
  ...codeEntries,
});

export interface ProgressEvent {
  phase: "read" | "split" | "simplify" | "emit";
  /** Inputs, parts or units done so far, of `total`, which may still grow. */
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

function isStore(value: unknown): boolean {
  const { url, getMany, putMany } = Object(value);
  return [typeof url, typeof getMany, typeof putMany].join() === "string,function,function";
}

const emitByExtension: Record<string, Emit> = {
  ".so": "shared",
  ".o": "object",
  ".a": "archive",
  ".s": "asm",
  ".bc": "bitcode",
};

type Environment = Record<string, string | undefined>;

/** The first of the variables that is set; an empty one counts as not set. */
function variable(env: Environment, ...names: string[]) {
  const name = names.find((name) => env[name]);
  return name === undefined ? undefined : { name, value: env[name]! };
}

/** libuv's pool runs the jobs; it has 4 threads unless this variable says otherwise. */
function poolSize(env: Environment): number {
  return Number(env.UV_THREADPOOL_SIZE) || 4;
}

/** The number of threads that the environment asks for, else `otherwise`. */
export function threadsFrom(env: Environment, otherwise: number): number {
  const asked = variable(env, "FINEGRAIN_THREADS", "JULIA_IMAGE_THREADS");
  if (!asked) return otherwise;
  const threads = Number(asked.value);
  if (v.is(threadsSchema, threads)) return threads;
  throw new FinegrainError("INVALID_OPTION", `${asked.name}: no number of threads: ${asked.value}`);
}

export function defaultCache(env: Environment = process.env): string {
  const given = variable(env, "FINEGRAIN_CACHE", "JULIA_NATIVE_CACHE")?.value;
  return given ?? userCacheFolder("finegrain", env);
}

export function resolveBuild(options: BuildOptions, env: Environment = process.env): ResolvedBuild {
  const checked = check(buildSchema, options);
  const timings = variable(env, "FINEGRAIN_TIMINGS", "JULIA_IMAGE_TIMINGS")?.value;
  return {
    ...resolveHostCPU(checked),
    emit: checked.emit ?? emitByExtension[path.extname(checked.output)] ?? "executable",
    threads:
      checked.threads ?? threadsFrom(env, Math.min(os.availableParallelism(), poolSize(env))),
    cache: checked.cache ?? defaultCache(env),
    timings: checked.timings ?? timings === "1",
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
