/** The typed door to the addon. native/steps.h says what each function does. */

import { FinegrainError } from "./errors";
import { packageFolder } from "./package";

/** Names in one block of bytes, each ended by a NUL. */
export type PackedNames = Uint8Array;

export interface InputModule {
  name: string;
  bitcode: Uint8Array;
  /** Digest of the bitcode, in upper-case hex. */
  digest: string;
  /** Of 16 hex digits, as a rule no other module's of the same program. */
  id: string;
  /** Digest of all but the functions' bodies; empty where that could not be told. */
  tablesDigest: string;
  /** 16 bytes for each function body. */
  functionDigests: Uint8Array;
  /** For each, 1 where callers may take its code. */
  smallFunctions: Uint8Array;
}

export interface SplitOptions {
  byFunction: boolean;
  keepTypeAliasing: boolean;
  /** Leave to `simplify` what must be inlined. */
  forSimplify: boolean;
  /** The module's. */
  smallFunctions: Uint8Array;
  /** Told apart by it: the internal symbols that several units of a module share. */
  moduleId: string;
  shard: number;
  shardCount: number;
  /** These units alone: indices in the module's order. */
  only?: Uint32Array;
  /** Whether units are to have fingerprints, for a later version of the module. */
  fingerprints: boolean;
  /** Those of units that need not be made, one after the other. */
  known: string;
}

/** Many pieces in one block of bytes: piece i ends at `ends[i]`. */
export interface Block {
  bytes: Uint8Array;
  ends: Uint32Array;
}

export function piece({ bytes, ends }: Block, index: number): Uint8Array {
  return bytes.subarray(ends[index - 1] ?? 0, ends[index]);
}

export interface SplitModule {
  /** The module's own target triple; empty where it has none. */
  triple: string;
  /** The link names of the exported functions. */
  functions: PackedNames;
  /** The link names of the exported variables of a pointer's size. */
  slots: PackedNames;
  /** Of each unit, its place in the module's order. */
  indices: Uint32Array;
  labels: PackedNames;
  /** BLAKE3 of each body, 64 hex digits, one after the other. */
  digests: string;
  /** Of each unit's names and flags, 32 hex digits. */
  symbolsDigests: string;
  /** 32 hex digits each, zeros where a unit has none: see native/fingerprint.h. */
  fingerprints: string;
  bodies: Block;
  linkNames: Block;
  keptNames: Block;
  /** Words of 32 bits. */
  symbols: Block;
  /** Words: the function bodies that the unit depends on. */
  loaded: Block;
  /** Of each unit that was not made, since it is known: its place in the module's order, */
  knownIndices: Uint32Array;
  /** its place among those that are known, */
  knownPlaces: Uint32Array;
  /** and the function bodies that it depends on. */
  knownLoaded: Block;
  /** Where not all are made: those that are units only if another refers to them, and their names. */
  optional: Uint32Array;
  optionalNames: PackedNames;
  /** Why the module cannot be split; empty if it can. */
  wholeReason: string;
}

export type UnitKind = "object" | "asm" | "bitcode";

/** Everything but the body that decides what emit writes. */
export interface EmitOptions {
  triple: string;
  cpu: string;
  features: string;
  /** LLVM's text for the pass pipeline; empty for code generation alone. */
  pipeline: string;
  vectorize: boolean;
  /** 0 to 3. */
  codegenLevel: number;
  relocationModel: "pic" | "static";
  /** "small", "kernel", "medium", "large", or empty for the module's own. */
  codeModel: string;
  kind: UnitKind | "simplified";
}

/** See native/steps.h. */
interface OtherBody {
  body: Uint8Array;
  positions: Uint32Array;
}

/** A function that only this unit calls. */
export interface Member extends OtherBody {
  function: Uint8Array;
}

/** Functions that may be inlined. */
export interface Import extends OtherBody {
  functions: PackedNames;
  isOnlyCall: boolean;
}

export interface SimplifyRequest {
  body: Uint8Array;
  members: Member[];
  imports: Import[];
  /** Pairs of a name and attributes. */
  attributes: PackedNames;
}

/** By request. */
export interface SimplifiedBodies {
  bodies: Block;
  /** JSON: see native/simplify.cc. */
  summaries: Block;
  /** Has no item where the request succeeded. */
  errors: Error[];
}

export interface EmitRequest {
  body: Uint8Array;
  linkNames: PackedNames;
}

/** By request. */
export interface EmittedCode {
  code: Block;
  /** Has no item where the request succeeded. */
  errors: Error[];
}

export interface NativeEntry {
  key: Uint8Array;
  parts: Record<string, Uint8Array>;
}

export interface EntryWrite {
  /** Bytes written; 0 where it failed. */
  size: number;
  error?: string;
}

/** What each number in `statuses` means. */
export const entryStatuses = ["hit", "miss", "bad", "error"] as const;

/** Results in the order of the paths. */
export interface EntryReads {
  statuses: Uint8Array;
  /** One message for each entry whose status is "error". */
  errors: string[];
  parts: Record<string, Block>;
  /** Of the entries found, in bytes. */
  size: number;
}

export interface FolderFiles {
  names: PackedNames;
  /** Three for each file: size, last use (0: never) and time of writing, in seconds. */
  numbers: Float64Array;
}

export interface NativeImage {
  handle: unknown;
  version: number;
  shards: number;
  functions: BigUint64Array;
  slots: BigUint64Array;
  functionNames: string;
  slotNames: string;
}

export interface Native {
  version(): { llvm: string; revision: string };
  /** BLAKE3, 32 bytes. Node's hashes take their modules' loading, a tenth of a short build. */
  hash(content: Uint8Array | string): Buffer;
  host(): { triple: string; cpu: string; features: string };
  readModules(bytes: Uint8Array, name: string): Promise<InputModule[]>;
  editFunctions(
    bitcode: Uint8Array,
    count: number,
    first: number,
  ): Promise<{ bitcode: Uint8Array; count: number }>;
  splitModule(bitcode: Uint8Array, options: SplitOptions): Promise<SplitModule>;
  simplify(requests: SimplifyRequest[], options: EmitOptions): Promise<SimplifiedBodies>;
  emit(requests: EmitRequest[], options: EmitOptions): Promise<EmittedCode>;
  renameSymbols(objects: Uint8Array[], linkNames: PackedNames[]): Promise<Block>;
  writeArchive(
    names: string[],
    contents: Uint8Array[],
    hasSymbolTable: boolean,
  ): Promise<Uint8Array>;
  /** Links objects as if they were members of an archive. */
  link(before: string[], names: string[], contents: Uint8Array[], after: string[]): Promise<string>;
  linkArchive(before: string[], archive: Uint8Array, after: string[]): Promise<string>;
  imageTables(
    target: { triple: string; cpu: string; features: string },
    functions: PackedNames,
    slots: PackedNames,
  ): Promise<Uint8Array>;
  openImage(path: string): NativeImage;
  closeImage(handle: unknown): void;
  readSlot(address: bigint): bigint;
  writeSlot(address: bigint, value: bigint): void;
  writeEntries(root: string, entries: NativeEntry[]): Promise<EntryWrite[]>;
  /** Reads all parts where `parts` is null. */
  readEntries(root: string, keys: Uint8Array[], parts: string[] | null): Promise<EntryReads>;
  /** Checks all parts and returns none. */
  checkEntries(root: string, keys: Uint8Array[]): Promise<EntryReads>;
  encodeEntries(entries: NativeEntry[], compress: boolean): Promise<Uint8Array[]>;
  decodeEntries(
    values: Uint8Array[],
    keys: Uint8Array[],
    parts: string[] | null,
  ): Promise<EntryReads>;
  listFolders(root: string, folders: string[]): Promise<FolderFiles>;
  /** Returns how many there were to remove. */
  removeFiles(paths: string[]): Promise<number>;
  /** Returns -1 where another process has the lock, and -2 where there can be none. */
  lockFile(path: string): Promise<number>;
  unlockFile(lock: number): void;
  /** May end the process at any of these: see native/cas.h. Keys are one after the other. */
  openCas(path: string, capacity: number): unknown;
  closeCas(folder: unknown): void;
  /** Empty where there is none. */
  casGet(folder: unknown, keys: Uint8Array): Block;
  casPut(folder: unknown, keys: Uint8Array, values: Uint8Array, ends: Uint32Array): void;
  casRemove(folder: unknown, keys: Uint8Array): void;
  casKeys(folder: unknown): Uint8Array;
  casSizes(folder: unknown): { size: number; capacity: number };
}

function load(): Native {
  try {
    return require("node-gyp-build")(packageFolder);
  } catch (cause) {
    throw new FinegrainError(
      "ADDON_NOT_FOUND",
      `cannot load finegrain's native addon for ${process.platform}-${process.arch}: ` +
        `${(cause as Error).message}\n` +
        "Where there is no prebuilt binary, install cmake, ninja-build, g++, llvm-22-dev and " +
        "liblld-22-dev, then run: npm rebuild finegrain",
      { cause },
    );
  }
}

export const native: Native = load();
