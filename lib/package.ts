/** The package's own folder and version. */

import path from "node:path";

/** lib/ and dist/, which holds lib/ in a few bundles, lie side by side in it. */
export const packageFolder = path.join(__dirname, "..");

export const { version } = require("../package.json") as { version: string };

/** A program of the package that runs in a process of its own. */
export function programPath(name: "cli" | "link-child" | "cas-child"): string {
  return path.join(packageFolder, "dist", `${name}.js`);
}
