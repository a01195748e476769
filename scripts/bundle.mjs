// Bundles lib/ into dist/, a file for each entry. Node needs some 50 ms to find, read and
// compile the modules one by one, as long as the rest of a build of which nothing changed.
// They are not minified, so that stack traces can be read.

import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { build } from "esbuild";

const require = createRequire(import.meta.url);

/**
 * Parts of Node that take some milliseconds to load, and that few builds use: they are loaded
 * when something in them is asked for.
 */
const loadedLate = {
  name: "loaded late",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(node:child_process|node:crypto|readline)$/ }, ({ path, namespace }) =>
      namespace === "late" ? { path, external: true } : { path, namespace: "late" },
    );
    onLoad({ filter: /.*/, namespace: "late" }, ({ path }) => {
      const getters = Object.keys(require(path)).map(
        (name) => `get ${name}() { return require("${path}").${name}; }`,
      );
      return { contents: `module.exports = { ${getters.join(", ")} };` };
    });
  },
};

await build({
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
  plugins: [loadedLate],
  // Large, and loaded by the stores that need them.
  external: ["better-sqlite3", "ioredis", "undici"],
});
await writeEntryForImport();

/** Where CommonJS is imported, Node reads all its text in search of exports: 100 ms here. */
async function writeEntryForImport() {
  const { metafile } = await build({
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
