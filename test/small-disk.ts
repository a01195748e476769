import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";

/** Runs `use` with a small disk at `disk`, where the test may mount one. */
export async function withDisk(
  disk: string,
  size: string,
  use: (disk: string) => Promise<void>,
): Promise<void> {
  mkdirSync(disk);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "none", disk], { stdio: "pipe" });
  } catch (error) {
    console.warn(`not tested, since mounting a small disk failed: ${(error as Error).message}`);
    return;
  }
  try {
    await use(disk);
  } finally {
    // A store may still be pruning in the background.
    execFileSync("umount", ["--lazy", disk]);
  }
}
