// Eight processes build at once in one store that is too small for what they build,
// and one of them is killed now and then. Every output is compared with one that was
// built without a store. Usage: node test/fuzz/stores.mjs [seconds] [URL]

import { spawn } from "node:child_process";
import { createHash, randomInt } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";

const { build, openStore } = await import("finegrain");
const processes = 8;
const limit = 4 * 1024 * 1024;
const functions = 2400;
const batch = 40;

if (process.argv[2] === "builder") await builder(process.argv[3], process.argv[4]);
else await conductor(Number(process.argv[2] ?? 120), process.argv[3]);

/** Builds random sets of functions until it is told to stop. */
async function builder(cache, output) {
  let isStopped = false;
  process.once("message", () => {
    isStopped = true;
  });
  const sum = { builds: 0, hits: 0, bad: 0, errors: 0, wrong: 0, warnings: [] };
  while (!isStopped) {
    const inputs = Array.from({ length: batch }, (_, i) => moduleOf(randomInt(functions), i));
    const digests = [];
    for (const where of ["off", cache]) {
      const report = await build({ inputs, output, cache: where, level: "O0", threads: 1 });
      digests.push(createHash("sha256").update(readFileSync(output)).digest("hex"));
      for (const name of ["hits", "bad", "errors"]) sum[name] += report.cache[name];
      sum.warnings.push(...report.warnings);
    }
    sum.builds++;
    if (digests[0] !== digests[1]) sum.wrong++;
  }
  console.log(JSON.stringify({ ...sum, warnings: [...new Set(sum.warnings)].slice(0, 3) }));
  process.disconnect();
}

function moduleOf(number, position) {
  const text = `define i32 @f${position}(i32 %x) {\n  %y = mul i32 %x, ${number}\n  ret i32 %y\n}\n`;
  return { name: `f${number}.ll`, bytes: Buffer.from(text) };
}

async function conductor(seconds, url) {
  const folder = mkdtempSync(path.join(os.tmpdir(), "finegrain-stress-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const cache = url ?? `file:${folder}/store?cache_size_bytes=${limit}`;
  const end = Date.now() + seconds * 1000;
  const results = [];
  const start = (index) => {
    const args = [import.meta.filename, "builder", cache, path.join(folder, `${index}.so`)];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit", "ipc"] });
    child.stdout.on("data", (text) => results.push(JSON.parse(text)));
    return child;
  };
  const children = Array.from({ length: processes }, (_, i) => start(i));
  const store = openStore(cache);
  let [largest, kills] = [0, 0];
  while (Date.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    if (!url) largest = Math.max(largest, (await store.stats()).bytes);
    if (randomInt(5) > 0) continue;
    const victim = randomInt(processes);
    children[victim].kill("SIGKILL");
    children[victim] = start(victim);
    kills++;
  }
  const ended = children.map((child) => new Promise((resolve) => child.once("close", resolve)));
  for (const child of children) child.send("stop");
  await Promise.all(ended);

  const { entries, bad } = await store.verify();
  await store.close();
  const total = (name) => results.reduce((sum, result) => sum + result[name], 0);
  const counts = ["builds", "hits", "bad", "errors", "wrong"].map((name) => [name, total(name)]);
  console.log({ ...Object.fromEntries(counts), kills, largest, limit, left: { entries, bad } });
  const isRight = total("wrong") === 0 && total("bad") === 0 && bad === 0 && total("errors") === 0;
  if (!isRight || largest > limit * 1.1 || results.length !== processes) {
    console.error(results);
    process.exitCode = 1;
  }
}
