/**
 * A unit: what is compiled on its own, under a key of its own. What is known of a
 * module's units stays packed until it is asked for, since a warm build wants
 * little of most of them.
 */

import { words } from "./blocks";
import { unpackNames } from "./names";
import { type Block, type PackedNames, piece } from "./native";
import type { SymbolTable } from "./symbols";

/** The units of a module, by index. */
export interface UnitTable {
  /** BLAKE3 of each body, 64 hex digits, one after the other. */
  digests: string;
  /** Of each unit's names and flags, 32 hex digits. */
  symbolsDigests: string;
  /** 32 hex digits each, zeros where a unit has none: see native/fingerprint.h. */
  fingerprints: string;
  /** Bytes of each body. */
  sizes: Uint32Array;
  linkNames: Block;
  keptNames: Block;
  /** Words of 32 bits. */
  symbols: Block;
  /** Words: the function blocks that the unit was made from. */
  loaded: Block;
}

export class Unit {
  /** For messages: the module's name, and the function's where that is the unit. */
  readonly name: string;
  /** It is a module that stayed whole. */
  readonly isWhole: boolean;
  /** Bitcode in canonical form: no name, path or triple leaves a trace in it. */
  readonly body: () => Uint8Array | Promise<Uint8Array>;
  readonly #table: UnitTable;
  readonly #index: number;
  #symbolTable: SymbolTable | undefined;

  constructor(
    table: UnitTable,
    index: number,
    { name, isWhole, body }: Pick<Unit, "name" | "isWhole" | "body">,
  ) {
    this.name = name;
    this.isWhole = isWhole;
    this.body = body;
    this.#table = table;
    this.#index = index;
  }

  get digest(): string {
    return digestOf(this.#table, this.#index);
  }

  get symbolsDigest(): string {
    return this.#table.symbolsDigests.slice(32 * this.#index, 32 * (this.#index + 1));
  }

  get fingerprint(): string {
    return this.#table.fingerprints.slice(32 * this.#index, 32 * (this.#index + 1));
  }

  get size(): number {
    return this.#table.sizes[this.#index]!;
  }

  get linkNames(): PackedNames {
    return piece(this.#table.linkNames, this.#index);
  }

  get keptNames(): PackedNames {
    return piece(this.#table.keptNames, this.#index);
  }

  get symbols(): Uint32Array {
    return words(piece(this.#table.symbols, this.#index));
  }

  get loaded(): Uint32Array {
    return words(piece(this.#table.loaded, this.#index));
  }

  /** Kept: several ask for it. Names are bytes; as Latin-1, every byte is a character. */
  get symbolTable(): SymbolTable {
    if (!this.#symbolTable) {
      const localNames = unpackNames(this.linkNames, "latin1");
      const names = localNames.concat(unpackNames(this.keptNames, "latin1"));
      this.#symbolTable = { names, localCount: localNames.length, flags: this.symbols };
    }
    return this.#symbolTable;
  }
}

export function digestOf({ digests }: Pick<UnitTable, "digests">, index: number): string {
  return digests.slice(64 * index, 64 * (index + 1));
}
