/** Where the package lies, and its programs. */

import path from "node:path";

/** lib/ and dist/, which holds lib/ in a few bundles, lie side by side in it. */
export const packageFolder = path.join(__dirname, "..");

/** A program of the package that runs in a process of its own. */
export function programPath(name: "cli" | "link-child" | "cas-child"): string {
  return path.join(packageFolder, "dist", `${name}.js`);
}
