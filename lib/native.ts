/** The typed door to the addon. native/steps.h says what each function does. */

import path from "node:path";
import { FinegrainError } from "./errors";

/** Names in one block of bytes, each ended by a NUL. */
export type PackedNames = Uint8Array;

export interface InputModule {
  name: string;
  bitcode: Uint8Array;
}

export interface Unit {
  /** Bitcode in canonical form: no name, path or triple leaves a trace in it. */
  body: Uint8Array;
  /** BLAKE3 of the body, in hex. */
  digest: string;
  /** The module's own target triple; empty where it has none. */
  triple: string;
  /** What the program calls the body's symbols, by position. */
  linkNames: PackedNames;
  /** The link names of the exported functions. */
  functions: PackedNames;
  /** The link names of the exported variables of a pointer's size. */
  slots: PackedNames;
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
  kind: UnitKind;
}

export interface EntryFile {
  path: string;
  key: Uint8Array;
  parts: Record<string, Uint8Array>;
}

export interface EntryWrite {
  /** Bytes written; 0 where it failed. */
  size: number;
  error?: string;
}

export interface EntryRead {
  status: "hit" | "miss" | "bad" | "error";
  error?: string;
  parts?: Record<string, Uint8Array>;
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
  host(): { triple: string; cpu: string; features: string };
  readModules(bytes: Uint8Array, name: string): Promise<InputModule[]>;
  moduleUnit(bitcode: Uint8Array): Promise<Unit>;
  emit(body: Uint8Array, options: EmitOptions, linkNames: PackedNames): Promise<Uint8Array>;
  renameSymbols(objects: Uint8Array[], linkNames: PackedNames[]): Promise<Uint8Array[]>;
  writeArchive(names: string[], contents: Uint8Array[]): Promise<Uint8Array>;
  link(before: string[], archive: Uint8Array, after: string[]): Promise<string>;
  imageTables(
    target: { triple: string; cpu: string; features: string },
    functions: PackedNames,
    slots: PackedNames,
  ): Promise<Uint8Array>;
  openImage(path: string): NativeImage;
  closeImage(handle: unknown): void;
  readSlot(address: bigint): bigint;
  writeSlot(address: bigint, value: bigint): void;
  writeEntries(entries: EntryFile[]): Promise<EntryWrite[]>;
  readEntries(paths: string[], keys: Uint8Array[], parts: string[]): Promise<EntryRead[]>;
}

function load(): Native {
  const root = path.join(__dirname, "..");
  try {
    return require("node-gyp-build")(root);
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
