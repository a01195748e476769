// Brings package-lock.json up to date: `npm run lock`, after any change of dependencies.
// What has not changed keeps its version and checksum.
//
// Some registries mirror only the packages of their own platform. npm then
// leaves the others out of the lockfile, and `npm ci` fails for want of them.
// So they are added by version, with the platform that their name tells.

import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";

const lockfile = new URL("../package-lock.json", import.meta.url);
execFileSync("npm", ["install", "--package-lock-only", "--ignore-scripts"], { stdio: "inherit" });

const lock = JSON.parse(readFileSync(lockfile, "utf8"));
const platforms =
  /(android|darwin|freebsd|linux|openharmony|win32|wasm32)(?:-(arm64|arm|x64|ia32|ppc64|s390x|riscv64|loong64))?/;
for (const [place, entry] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const own = `node_modules/${name}`;
    if (lock.packages[own] || lock.packages[`${place}/${own}`]) continue;
    const [, os, cpu] = platforms.exec(name) ?? [];
    lock.packages[own] = { version, ...(entry.dev && { dev: true }), optional: true };
    if (cpu) lock.packages[own].cpu = [cpu];
    if (os) lock.packages[own].os = [os];
  }
}
const sorted = Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1));
lock.packages = Object.fromEntries(sorted);
writeFileSync(lockfile, `${JSON.stringify(lock, null, 2)}\n`);
