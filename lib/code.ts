/**
 * The code of every unit: from the store where it has it, else compiled and put
 * into the store. A fault of the store is counted and costs time, nothing else.
 */

import { type Key, unitKey } from "./key";
import type { EmitOptions } from "./native";
import type { ProgressEvent } from "./options";
import type { CacheCounts, PhaseTimer } from "./report";
import { runAll } from "./schedule";
import type { Store } from "./store/store";
import { StoreWriter } from "./store/writer";
import { emitUnit, type Unit } from "./units";

/** The part of an entry that holds the unit's code. Beside it, "fields" has the key's fields. */
const codePart = "object";

export interface CodeRequest {
  units: readonly Unit[];
  options: EmitOptions;
  store: Store | undefined;
  threads: number;
  verify: boolean;
  signal?: AbortSignal | undefined;
  onProgress?: ((event: ProgressEvent) => void) | undefined;
}

export interface CodeResult {
  /** In the units' order. */
  code: Uint8Array[];
  cache: CacheCounts;
  warnings: string[];
}

/** Units with one key. The first is compiled for all of them. */
interface Group {
  key: Key;
  unit: Unit;
  members: number[];
  code?: Uint8Array | undefined;
}

export async function codeFor(request: CodeRequest, timer: PhaseTimer): Promise<CodeResult> {
  const { units, store, verify } = request;
  const groups = await timer.time("key", async () => groupByKey(units, request.options));
  const found = await timer.time("lookup", () => lookUp(groups, store));
  const hits = groups.filter(({ code }) => code !== undefined);
  const missing = groups.filter(({ code }) => code === undefined);

  const writer = new StoreWriter(store);
  const differing = await timer.time("emit", async () => {
    await compile(missing, request, (group) => writer.add(entryOf(group)));
    return verify ? recompile(hits, request, (group) => writer.add(entryOf(group))) : [];
  });
  await timer.time("store", () => writer.finish());

  const count = (some: Group[]) =>
    store ? some.reduce((sum, { members }) => sum + members.length, 0) : 0;
  return {
    code: codeByUnit(units, groups),
    cache: {
      url: store?.url ?? "off",
      lookups: count(groups),
      hits: count(hits),
      misses: count(missing),
      bad: found.bad + differing.length,
      errors: found.errors.length + writer.errors.length,
      addedBytes: writer.addedBytes,
    },
    // A store that fails once fails often: its first words are enough.
    warnings: [
      ...[...found.errors, ...writer.errors].slice(0, 1).map((error) => `cache: ${error}`),
      ...differing.map((name) => `${name}: its cached code was wrong and has been replaced`),
    ],
  };
}

function groupByKey(units: readonly Unit[], options: EmitOptions): Group[] {
  const groups = new Map<string, Group>();
  units.forEach((unit, index) => {
    const key = unitKey(unit, options);
    const id = key.digest.toString("latin1");
    const group = groups.get(id);
    if (group) group.members.push(index);
    else groups.set(id, { key, unit, members: [index] });
  });
  return [...groups.values()];
}

function codeByUnit(units: readonly Unit[], groups: Group[]): Uint8Array[] {
  const code = new Array<Uint8Array>(units.length);
  for (const group of groups) for (const index of group.members) code[index] = group.code!;
  return code;
}

/** Fills in the code of the groups that the store has. */
async function lookUp(groups: Group[], store: Store | undefined) {
  const faults = { bad: 0, errors: [] as string[] };
  if (!store) return faults;
  const keys = groups.map(({ key }) => key.digest);
  const lookups = await store.getMany(keys, [codePart]);
  lookups.forEach(({ status, parts, error }, index) => {
    const code = parts?.[codePart];
    if (code?.length) groups[index]!.code = code;
    // An entry without code is of no use, however sound it is.
    if (status === "bad" || (status === "hit" && !code?.length)) faults.bad++;
    if (status === "error") faults.errors.push(error ?? "unknown fault");
  });
  return faults;
}

/** The longest jobs start first, so that none is left alone at the end. */
async function compile(groups: Group[], request: CodeRequest, done: (group: Group) => void) {
  const { options, threads, signal, onProgress } = request;
  const longestFirst = groups.toSorted((a, b) => b.unit.body.length - a.unit.body.length);
  await runAll(
    longestFirst,
    threads,
    async (group) => {
      group.code = await emitUnit(group.unit, options);
      done(group);
    },
    signal,
    (done, total) => onProgress?.({ phase: "emit", done, total }),
  );
}

/** Compiles hits again and returns the names of those whose code the store had wrong. */
async function recompile(hits: Group[], request: CodeRequest, replace: (group: Group) => void) {
  const differing: string[] = [];
  const fresh = hits.map((hit) => ({ ...hit, cached: hit.code! }));
  await compile(fresh, request, () => {});
  fresh.forEach((group, index) => {
    if (Buffer.compare(group.code!, group.cached) === 0) return;
    hits[index]!.code = group.code;
    differing.push(group.unit.name);
    replace(group);
  });
  return differing;
}

function entryOf({ key, code }: Group) {
  const fields = Buffer.from(JSON.stringify(key.fields));
  return { key: key.digest, parts: { [codePart]: code!, fields } };
}
