// Tries seeds in processes of their own, two at a time, so that a crash or a
// hang costs one seed and is told from which.
//
// usage: node FILE COUNT [FIRST_SEED [WHAT FILE TAKES]]

import { fork } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";

const [count = 100, first = 1] = process.argv.slice(2).map(Number);
const secondsPerSeed = 300;

/**
 * Runs `attempt(seed, folder)` for each seed and exits with 1 if one failed.
 * It resolves to "passed" or "skipped: WHY", and throws where the two differ.
 */
export function tryAll(file, attempt) {
  return process.send ? work(attempt) : lead(file);
}

/** A worker: is sent seeds, answers with outcomes. */
function work(attempt) {
  process.on("message", async ({ seed, folder }) => {
    try {
      process.send(await attempt(seed, folder));
    } catch (error) {
      process.send(`failed: ${error.message}`);
    }
  });
}

async function lead(file) {
  const outcomes = new Map();
  let next = first;
  let end = first + count;
  process.once("SIGTERM", () => {
    end = next; // what runs already comes to its end
  });
  const lane = async () => {
    const worker = new Worker(file);
    while (next < end) {
      const seed = next++;
      const outcome = await worker.outcomeOf(seed);
      const kind = outcome.split(":")[0];
      outcomes.set(kind, (outcomes.get(kind) ?? 0) + 1);
      if (kind !== "passed") console.log(`seed ${seed} ${outcome}`);
    }
    worker.end();
  };
  await Promise.all([lane(), lane()]);
  const counts = [...outcomes].map(([kind, n]) => `${n} ${kind}`).join(", ");
  console.log(`seeds ${first} to ${next - 1}: ${counts}`);
  const failures = [...outcomes.keys()].some((kind) => !["passed", "skipped"].includes(kind));
  process.exitCode = failures || !outcomes.get("passed") ? 1 : 0;
}

class Worker {
  #file;
  #child;
  #folder = mkdtempSync(path.join(os.tmpdir(), "finegrain-fuzz-"));

  constructor(file) {
    this.#file = file;
  }

  outcomeOf(seed) {
    this.#child ??= fork(this.#file, process.argv.slice(2));
    const child = this.#child;
    return new Promise((resolve) => {
      const timer = setTimeout(() => child.kill("SIGKILL"), secondsPerSeed * 1000);
      const finish = (outcome) => {
        clearTimeout(timer);
        child.removeAllListeners();
        resolve(outcome);
      };
      child.once("message", finish);
      child.once("exit", (status, signal) => {
        this.#child = undefined;
        finish(`crashed: ${signal ?? `exit status ${status}`}`);
      });
      child.send({ seed, folder: this.#folder });
    });
  }

  end() {
    this.#child?.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
