/** The output file: written beside its place and renamed, so it is whole or not there. */

import { constants } from "node:fs";
import { access, rename, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { FinegrainError } from "./errors";

export class OutputFile {
  readonly path: string;
  /** Where the content is written at first. */
  readonly temporary: string;

  constructor(file: string) {
    this.path = path.resolve(file);
    // Of this process, at this nanosecond.
    const own = `${process.pid.toString(36)}-${process.hrtime.bigint().toString(36)}`;
    this.temporary = `${this.path}.${own}.tmp`;
  }

  /** Fails early where the output can never be put into place. */
  async check(): Promise<void> {
    await this.#orFail(() => access(path.dirname(this.path), constants.W_OK | constants.X_OK));
    const existing = await stat(this.path).catch(() => undefined);
    if (existing?.isDirectory())
      throw new FinegrainError("OUTPUT_FAILED", `${this.path}: is a folder`);
  }

  async write(content: Uint8Array, mode = 0o666): Promise<void> {
    await this.#orFail(() => writeFile(this.temporary, content, { flag: "wx", mode }));
  }

  /** Puts the temporary file into place. */
  async commit(): Promise<void> {
    await this.#orFail(() => rename(this.temporary, this.path));
  }

  /** Removes the temporary file, if there is one. */
  async discard(): Promise<void> {
    await rm(this.temporary, { force: true });
  }

  async #orFail(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (cause) {
      throw new FinegrainError(
        "OUTPUT_FAILED",
        `cannot write ${this.path}: ${(cause as Error).message}`,
        { cause },
      );
    }
  }
}
