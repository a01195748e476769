// What a build waits for its store: 2,600 lookups, all hits, the opening included.
// First in a process of its own, with what must be loaded and compiled, then again in
// the same process, the opening included each time. Usage: node bench/stores.mjs [rounds] [--json]
//
// "prepared" leaves out what a store does while a build reads its inputs: loading its
// driver, connecting, starting its process.
//
// "cold" drops the page cache before each sample, which needs root. Servers are
// started on free ports of the loopback interface; for them "cold" means the same.

import { execFileSync, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const count = 2600;
const keys = Array.from({ length: count }, (_, i) =>
  createHash("sha256").update(String(i)).digest(),
);
const { openStore } = await import("finegrain");

if (process.argv[2] === "sample") {
  await sample(process.argv[3], process.argv[4] === "prepared");
  process.exit();
}

/** Prints how long it took, in milliseconds: the first time in the process, and later ones. */
async function sample(url, isPrepared) {
  const times = [];
  for (let i = 0; i < 6; i++) {
    const prepared = isPrepared ? await openPrepared(url) : undefined;
    const start = performance.now();
    const store = prepared ?? openStore(url);
    const lookups = await store.getMany(keys, ["object"]);
    times.push(performance.now() - start);
    if (!lookups.every(({ status }) => status === "hit")) throw new Error("not all were hits");
    await store.close();
  }
  console.log(JSON.stringify(times));
}

/** As a build does, which then reads its inputs. */
async function openPrepared(url) {
  const store = openStore(url);
  store.prepare();
  await sleep(300);
  return store;
}

/** Like objects of functions: most are of 1 to 3 KB, and half their bytes compress. */
function entries() {
  return keys.map((key, i) => {
    const object = Buffer.alloc(i % 100 === 0 ? 40_000 : 800 + ((i * 7919) % 2200));
    randomBytes(object.length / 2).copy(object);
    return { key, parts: { object, fields: Buffer.alloc(600, "field") } };
  });
}

const rounds = Number(process.argv[2] ?? 15);
const folder = mkdtempSync(path.join(os.homedir(), ".finegrain-bench-"));
const children = [];
process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

async function freePort() {
  const server = net.createServer().listen(0, "127.0.0.1");
  await sleep(50);
  const { port } = server.address();
  server.close();
  return port;
}

async function redis() {
  const port = await freePort();
  const args = [
    "--bind",
    "127.0.0.1",
    "--port",
    String(port),
    "--save",
    "",
    "--loglevel",
    "warning",
  ];
  children.push(spawn("redis-server", args, { stdio: "ignore" }));
  return `redis://127.0.0.1:${port}`;
}

async function nginx() {
  const port = await freePort();
  const root = path.join(folder, "nginx");
  mkdirSync(root);
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${root}/${name};`)
    .join(" ");
  const file = path.join(root, "nginx.conf");
  writeFileSync(
    file,
    `daemon off; master_process off; pid ${root}/pid; error_log ${root}/errors;
     events { worker_connections 512; }
     http { access_log off; ${temporary} server { listen 127.0.0.1:${port};
       location / { root ${root}/data; dav_methods PUT; create_full_put_path on; } } }`,
  );
  mkdirSync(path.join(root, "data"));
  children.push(spawn("nginx", ["-c", file, "-p", root], { stdio: "ignore" }));
  return `http://127.0.0.1:${port}`;
}

const stores = {
  file: `file:${folder}/files`,
  sqlite: `sqlite:${folder}/sqlite/cache.db`,
  cas: `cas:${folder}/cas`,
  redis: await redis(),
  http: await nginx(),
};
await sleep(500);

function dropPageCache() {
  try {
    execFileSync("sync");
    writeFileSync("/proc/sys/vm/drop_caches", "3");
    return true;
  } catch {
    return false;
  }
}

const run = (...args) =>
  JSON.parse(execFileSync(process.execPath, [import.meta.filename, "sample", ...args]).toString());
const quantile = (numbers, q) =>
  numbers.toSorted((a, b) => a - b)[Math.floor((numbers.length - 1) * q)];

const columns = ["write all", "first in a process", "first, prepared", "again", "first, cold"];
const rows = [];
for (const [name, url] of Object.entries(stores)) {
  const store = openStore(url);
  const start = performance.now();
  await store.putMany(entries());
  const written = performance.now() - start;
  await store.close();
  run(url); // notes the first use
  const warm = Array.from({ length: rounds }, () => run(url));
  const cold = Array.from({ length: 5 }, () => (dropPageCache() ? run(url)[0] : Number.NaN));
  const first = warm.map(([ms]) => ms);
  const prepared = Array.from({ length: rounds }, () => run(url, "prepared")[0]);
  const again = warm.flatMap(([, ...later]) => later);
  const cells = [written, ...[first, prepared, again, cold].map((times) => quantile(times, 0.5))];
  rows.push({ store: name, cells });
}
if (process.argv.includes("--json")) console.log(JSON.stringify({ count, rounds, columns, rows }));
else {
  console.log(`${os.cpus()[0].model}, ${os.availableParallelism()} cores, load ${os.loadavg()[0]}`);
  console.log(`${count} lookups, all hits, in ms; medians, ${rounds} processes\n`);
  console.log(`| store | ${columns.join(" | ")} |\n|${"---|".repeat(6)}`);
  for (const { store, cells } of rows)
    console.log(`| ${store} | ${cells.map((ms) => ms.toFixed(1)).join(" | ")} |`);
}
process.exit();
