/** A bar on stderr, on a terminal only. */

import { SingleBar } from "cli-progress";

export class ProgressBar {
  readonly #bar: SingleBar;
  #isShown = false;

  /** `what` says what is going on. */
  constructor(what: string) {
    this.#bar = new SingleBar({
      stream: process.stderr,
      format: `${what} {bar} {value}/{total}`,
      hideCursor: true,
      clearOnComplete: true,
      noTTYOutput: false,
    });
  }

  show(done: number, total: number): void {
    if (!this.#isShown) this.#bar.start(total, 0);
    this.#isShown = true;
    this.#bar.update(done);
  }

  stop(): void {
    if (this.#isShown) this.#bar.stop();
  }
}
