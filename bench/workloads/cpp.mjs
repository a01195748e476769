// C++: a database of classes, regular expressions on top of abseil, and one
// file of standard templates.

import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { openClang } from "../clang.mjs";

const require = createRequire(import.meta.url);
const here = import.meta.dirname;

const levelRoot = path.join(path.dirname(require.resolve("classic-level/package.json")), "deps");
const level = "leveldb/leveldb-1.20";

export const leveldb = {
  open: openClang,
  name: "leveldb",
  title: "leveldb 1.20 and snappy, C++",
  root: levelRoot,
  sources: () => [
    ...["db", "helpers/memenv", "port", "table", "util"].flatMap((name) =>
      levelSources(`${level}/${name}`),
    ),
    ...levelSources("snappy/snappy"),
    path.join(here, "../../test/fixtures/leveldb/driver.cc"),
  ],
  flags: (root) => [
    "-std=c++14",
    ...[level, `${level}/include`, "snappy/linux", "snappy/snappy"].map(
      (name) => `-I${root}/${name}`,
    ),
    ...["SNAPPY=1", "LEVELDB_PLATFORM_POSIX=1", "OS_LINUX=1", "HAVE_CONFIG_H=1"].map(
      (name) => `-D${name}`,
    ),
  ],
  libraries: ["-lstdc++", "-lm", "-lpthread"],
  emit: "executable",
  arguments: (work) => [path.join(work, "database")],
  edits: {
    "one-function edit": {
      what: "the constant of the hash function",
      file: `${level}/util/hash.cc`,
      before: "const uint32_t m = 0xc6a4a793;",
      after: "const uint32_t m = 0xc6a4a795;",
    },
    "header-wide edit": {
      what: "a constant in `db/dbformat.h`",
      file: `${level}/db/dbformat.h`,
      before: "kL0_SlowdownWritesTrigger = 8;",
      after: "kL0_SlowdownWritesTrigger = 9;",
    },
  },
};

function levelSources(folder) {
  return readdirSync(path.join(levelRoot, folder))
    .filter((file) => /\.cc$/.test(file) && !/test|bench|leveldbutil|(^|-)c\.cc$/.test(file))
    .sort()
    .map((file) => path.join(folder, file));
}

const re2Root = path.dirname(require.resolve("re2/package.json"));

export const re2 = {
  open: openClang,
  name: "re2",
  title: "re2 and the part of abseil that it uses, 101 files of C++",
  root: path.join(re2Root, "vendor"),
  // Those that the package itself is built from on Linux.
  sources: () =>
    [...readFileSync(path.join(re2Root, "binding.gyp"), "utf8").matchAll(/"vendor\/([^"]+\.cc)"/g)]
      .map(([, file]) => file)
      .filter((file) => !/win32|_win\.cc/.test(file)),
  flags: (root) => ["-std=c++20", "-DNDEBUG", `-I${root}/re2`, `-I${root}/abseil-cpp`],
  libraries: ["-lstdc++", "-lm"],
  emit: "shared",
  driver: path.join(here, "regex.cc"),
  edits: {
    "one-function edit": {
      what: "a constant in `dfa.cc`",
      file: "re2/re2/dfa.cc",
      before: "kStateCacheOverhead = 18",
      after: "kStateCacheOverhead = 19",
    },
    "header-wide edit": {
      what: "a constant in `re2.h`",
      file: "re2/re2/re2.h",
      before: "kDefaultMaxMem = 8<<20",
      after: "kDefaultMaxMem = 9<<20",
    },
  },
};

export const containers = {
  open: openClang,
  name: "containers",
  title: "standard templates, one file of C++",
  root: here,
  sources: () => ["containers.cc"],
  flags: () => ["-std=c++20"],
  libraries: ["-lstdc++", "-lm"],
  emit: "executable",
  edits: {},
};
