/** `finegrain cache`. */

import { existsSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { finegrain, Workspace } from "./helpers";

const work = new Workspace();
const input = work.write("f.ll", "define i32 @f() { ret i32 1 }");
const folder = work.path("cache");
const url = pathToFileURL(folder).href;
const env = { FINEGRAIN_CACHE: folder };

function build(): void {
  const args = ["build", input, "-o", work.path("f.o"), "--", "--build-id=none"];
  expect(finegrain(args, env)).toEqual({ status: 0, stdout: "", stderr: "" });
}

function json(args: string[], variables: Record<string, string> = env) {
  const { status, stdout, stderr } = finegrain(["cache", ...args, "--json"], variables);
  expect({ status, stderr, lines: stdout.split("\n").length }).toEqual({
    status: 0,
    stderr: "",
    lines: 2,
  });
  return JSON.parse(stdout).stores;
}

function entryFile(): string {
  const [name] = (readdirSync(folder, { recursive: true }) as string[]).filter((name) =>
    /^[0-9a-f]{2}\/[0-9a-f]{62}$/.test(name),
  );
  return path.join(folder, name!);
}

test("stats show what the cache holds and did", () => {
  build();
  build();
  const totals = {
    builds: 2,
    hits: 1,
    misses: 1,
    bad: 0,
    errors: 0,
    readBytes: expect.any(Number),
    addedBytes: expect.any(Number),
    evicted: 0,
    wantedAgain: 0,
  };
  const expected = { url, entries: 1, bytes: 4096, limitBytes: 5 * 1024 ** 3, totals };
  expect(json(["stats"])).toEqual([expected]);
  expect(json(["stats", "--cache", `${folder},sqlite:${work.path("x.db")}`], {})).toEqual([
    expected,
    expect.objectContaining({ url: `sqlite://${work.path("x.db")}`, entries: 0 }),
  ]);
  const { stdout } = finegrain(["cache", "stats"], env);
  expect(stdout).toMatch(/^file:\/\/.*\n {2}entries +1\n {2}bytes +4096\n/);
  expect(stdout).toMatch(/\n {2}totals\n {4}builds +2\n {4}hits +1\n/);
});

test("verify removes what is damaged, and says so", () => {
  build();
  writeFileSync(entryFile(), "nonsense");
  const step = (name: string) => ({ name, ms: expect.any(Number) });
  const found = { url, entries: 1, bad: 1, removedEntries: 1, removedBytes: 4096 };
  expect(json(["verify", "--dry-run"])).toEqual([
    { ...found, dryRun: true, steps: ["list", "check"].map(step) },
  ]);
  const { stdout } = finegrain(["cache", "verify"], env);
  expect(stdout).toMatch(/\n {2}bad +1\n(.*\n)* {2}check +[\d.]+ ms\n/);
  expect(json(["verify"])).toMatchObject([{ entries: 0, bad: 0 }]);
});

test("prune and clear, first dry", () => {
  build();
  const one = { url, removedEntries: 1, removedBytes: 4096 };
  const none = { url, removedEntries: 0, removedBytes: 0 };
  expect(json(["prune"])).toEqual([none]);
  const tight = ["--cache", `${url}?cache_size_bytes=1`];
  expect(json(["prune", "--dry-run", ...tight])).toEqual([{ ...one, dryRun: true }]);
  expect(json(["prune", ...tight])).toEqual([one]);
  build();
  expect(json(["clear", "--dry-run"])).toEqual([{ ...one, dryRun: true }]);
  expect(json(["clear"])).toEqual([one]);
  expect(json(["clear"])).toEqual([none]);
});

test("a cache that is not there is empty, and stays away", () => {
  const cache = work.path("nowhere");
  for (const command of ["stats", "prune", "verify", "clear"])
    json([command], { FINEGRAIN_CACHE: cache });
  expect(existsSync(cache)).toBe(false);
});

test("a store that cannot tell says so", () => {
  expect(json(["stats", "--cache", "http://127.0.0.1:1/cache"])).toEqual([
    { url: "http://127.0.0.1:1/cache", unsupported: true },
  ]);
});

test.each<[number, string, string[], Record<string, string>]>([
  [1, "STORE_FAILED", ["stats", "--cache", "redis://127.0.0.1:1"], {}],
  [2, "INVALID_OPTION", ["stats", "--cache", "gopher://x"], {}],
  [2, "INVALID_OPTION", ["stats"], { FINEGRAIN_CACHE: "off" }],
  [2, "unknown command", ["sweep"], env],
  [2, "--dry-run", ["stats", "--dry-run"], env],
])("exit status %d, with %s on stderr", (status, words, args, variables) => {
  const result = finegrain(["cache", ...args], variables);
  expect({ status: result.status, stdout: result.stdout }).toEqual({ status, stdout: "" });
  expect(result.stderr).toContain(words);
  expect(result.stderr).not.toMatch(/^ +at /m);
});
