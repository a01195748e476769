/** Reads back an image: a shared library with tables of its functions and global slots. */

import path from "node:path";
import { FinegrainError } from "./errors";
import { type NativeImage, native } from "./native";

export class Image {
  /** Version of the image's format. */
  readonly version: number;
  readonly shardCount: number;
  /** Link names, by index. */
  readonly functionNames: readonly string[];
  readonly slotNames: readonly string[];
  #loaded: NativeImage | undefined;

  private constructor(loaded: NativeImage) {
    this.#loaded = loaded;
    this.version = loaded.version;
    this.shardCount = loaded.shards;
    this.functionNames = loaded.functionNames.split("\0").slice(0, -1);
    this.slotNames = loaded.slotNames.split("\0").slice(0, -1);
  }

  /**
   * Loads the image, which runs its constructors in this process. Throws a
   * FinegrainError: INVALID_IMAGE, IMAGE_VERSION, or IMAGE_TARGET where it was
   * built for another CPU.
   */
  static open(file: string): Image {
    if (typeof file !== "string")
      throw new FinegrainError("INVALID_OPTION", "an image is opened by its file's name");
    try {
      return new Image(native.openImage(path.resolve(file)));
    } catch (error) {
      throw FinegrainError.from(error, file);
    }
  }

  get functionCount(): number {
    return this.functionNames.length;
  }

  get slotCount(): number {
    return this.slotNames.length;
  }

  /** The address of a function, by index or link name. */
  functionPointer(which: number | string): bigint {
    return this.#address("functions", this.functionNames, which);
  }

  /** The value of a global slot: 64 bits, unsigned. */
  readSlot(which: number | string): bigint {
    return native.readSlot(this.#address("slots", this.slotNames, which));
  }

  writeSlot(which: number | string, value: bigint): void {
    if (typeof value !== "bigint" || BigInt.asUintN(64, value) !== value)
      throw new FinegrainError("INVALID_OPTION", "a slot holds a bigint of 64 bits, unsigned");
    native.writeSlot(this.#address("slots", this.slotNames, which), value);
  }

  /** Unloads the image. Pointers into it must not be used any more. */
  close(): void {
    if (this.#loaded) native.closeImage(this.#loaded.handle);
    this.#loaded = undefined;
  }

  #address(table: "functions" | "slots", names: readonly string[], which: number | string): bigint {
    if (!this.#loaded) throw new FinegrainError("IMAGE_CLOSED", "the image has been closed");
    const index = typeof which === "number" ? which : names.indexOf(which);
    const address = this.#loaded[table][index];
    if (address === undefined)
      throw new FinegrainError("INVALID_OPTION", `the image has no ${table.slice(0, -1)} ${which}`);
    return address;
  }
}
