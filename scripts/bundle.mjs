// Bundles lib/ into dist/, a file for each entry. Node needs some 50 ms to find, read and
// compile the modules one by one, as long as the rest of a build of which nothing changed.
// They are not minified, so that stack traces can be read.

import { writeFileSync } from "node:fs";
import { buildSync } from "esbuild";

buildSync({
  entryPoints: {
    index: "lib/index.ts",
    cli: "lib/cli/start.ts",
    main: "lib/cli/main.ts",
    "store-compliance": "lib/store/compliance.ts",
    "link-child": "lib/link-child.ts",
    "cas-child": "lib/store/cas-child.ts",
    bench: "lib/bench/index.ts",
  },
  outdir: "dist",
  bundle: true,
  platform: "node",
  target: "node20.19",
  // Large, and loaded by the stores that need them.
  external: ["better-sqlite3", "ioredis", "undici"],
});
writeEntryForImport();

/** Where CommonJS is imported, Node reads all its text in search of exports: 100 ms here. */
function writeEntryForImport() {
  const { metafile } = buildSync({
    entryPoints: ["lib/index.ts"],
    format: "esm",
    metafile: true,
    write: false,
  });
  const [{ exports }] = Object.values(metafile.outputs);
  const module = `import { createRequire } from "node:module";

export const { ${exports.join(", ")} } = createRequire(import.meta.url)("./index.js");
`;
  writeFileSync("dist/index.mjs", module);
  writeFileSync("dist/index.d.mts", 'export * from "./index.js";\n');
}
