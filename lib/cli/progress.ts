/** A bar on stderr, on a terminal only. */

import { fstatSync } from "node:fs";
import { SingleBar } from "cli-progress";

export class ProgressBar {
  readonly #what: string;
  /** As terminals are. Node would load its streams to tell, for a twentieth of a short build. */
  readonly #isOnDevice = fstatSync(2).isCharacterDevice();
  #bar: SingleBar | undefined;

  /** `what` says what is going on. */
  constructor(what: string) {
    this.#what = what;
  }

  show(done: number, total: number): void {
    if (!this.#isOnDevice) return;
    this.#bar ??= this.#start(total);
    this.#bar.update(done);
  }

  stop(): void {
    this.#bar?.stop();
  }

  #start(total: number): SingleBar {
    const bar = new SingleBar({
      stream: process.stderr,
      format: `${this.#what} {bar} {value}/{total}`,
      hideCursor: true,
      clearOnComplete: true,
      noTTYOutput: false,
    });
    bar.start(total, 0);
    return bar;
  }
}
