// Builds bitcode in this process, each file into an archive, or all into one
// output. Prints what was done, and the processor's seconds without Node's start.
// Usage: node build-each.mjs --out FOLDER [--cache URL] [--threads N] [--together KIND] FILE...

import path from "node:path";
import { parseArgs } from "node:util";
import { build } from "finegrain";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    out: { type: "string" },
    cache: { type: "string", default: "off" },
    threads: { type: "string", default: "2" },
    together: { type: "string" },
  },
});
const libraries = ["-lstdc++", "-lm"];
const output = (name) => path.join(values.out, name);
const builds = values.together
  ? [
      {
        emit: values.together,
        inputs: positionals,
        output: output("all"),
        link: { args: libraries },
      },
    ]
  : positionals.map((input, i) => ({ inputs: [input], output: output(`${i}.a`) }));
const common = { units: "function", level: "O2", cache: values.cache };

const start = process.cpuUsage();
const counts = { units: 0, simplified: 0, emitted: 0 };
for (const one of builds) {
  const report = await build({ ...common, threads: Number(values.threads), ...one });
  counts.units += report.units;
  counts.simplified += report.simplify.lookups - report.simplify.hits;
  counts.emitted += report.cache.misses;
}
const { user, system } = process.cpuUsage(start);
console.log(JSON.stringify({ ...counts, cpu: (user + system) / 1e6 }));
