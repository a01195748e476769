/** Some seeds of the fuzzers; `npm run fuzz:csmith -- COUNT FIRST_SEED` tries others. */

import { execFile } from "node:child_process";
import path from "node:path";

test.each([
  ["csmith.mjs", 200],
  ["llvm-stress.mjs", 100],
])(
  "%s: %d seeds pass",
  async (script, count) => {
    const { stdout, error } = await fuzz(script, count);
    expect({ stdout, error }).toEqual({ stdout: expect.stringContaining("passed"), error: null });
    const skipped = stdout.split("\n").filter((line) => line.includes(" skipped: "));
    if (skipped.length > 0) console.warn(skipped.join("\n"));
    expect(skipped.length).toBeLessThan(count / 4);
  },
  600_000,
);

function fuzz(script: string, count: number) {
  const file = path.join(__dirname, "fuzz", script);
  return new Promise<{ stdout: string; error: Error | null }>((resolve) => {
    execFile(process.execPath, [file, String(count)], (error, stdout) =>
      resolve({ stdout, error }),
    );
  });
}
