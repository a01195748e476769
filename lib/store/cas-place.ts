/** Where LLVM's on-disk CAS must not be: it maps files that several processes write to. */

import { existsSync, statfsSync, statSync } from "node:fs";
import path from "node:path";
import { FinegrainError } from "../errors";
import { generationsIn } from "./cas-generations";

/** By the types that statfs(2) tells. Behind fuse may be anything. */
const networks: Record<number, string> = {
  26985: "nfs",
  20859: "smb",
  4283649346: "cifs",
  4266872130: "smb2",
  16914839: "9p",
  1702057286: "fuse",
  12805120: "ceph",
  198183888: "lustre",
  1196443219: "gpfs",
  1397113167: "afs",
  1799439955: "afs",
  18225520: "gfs2",
  1952539503: "ocfs2",
};

/** Throws where the store may not be. `limit` is what it may grow to. */
export function checkPlace(root: string, limit: number): void {
  const { type, bavail, bsize } = statfsSync(nearest(root));
  const network = networks[type];
  if (network)
    throw unsafe(`${root} is on a network file system (${network}); use file: there, or a server`);
  const needed = limit - bytesIn(root);
  if (bavail * bsize < needed)
    throw unsafe(
      `${root} has ${bavail * bsize} bytes free, and this store may still take ${needed}: ` +
        "lower cache_size_bytes",
    );
}

function nearest(folder: string): string {
  return existsSync(folder) ? folder : nearest(path.dirname(folder));
}

/** On disk: the files have holes. */
function bytesIn(root: string): number {
  if (!existsSync(root)) return 0;
  const files = generationsIn(root).flatMap((number) =>
    ["index", "values"].map((name) => path.join(root, String(number), name)),
  );
  const blocks = files.map((file) => statSync(file, { throwIfNoEntry: false })?.blocks ?? 0);
  return blocks.reduce((sum, count) => sum + count * 512, 0);
}

function unsafe(message: string): FinegrainError {
  return new FinegrainError("STORE_FAILED", message);
}
