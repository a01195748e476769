// C: a single large file, many small ones, and a program for short runs.

import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { openClang } from "../clang.mjs";

const require = createRequire(import.meta.url);
const here = import.meta.dirname;

export const sqlite = {
  open: openClang,
  name: "sqlite",
  title: "sqlite3.c, one file of 250,000 lines of C",
  root: path.dirname(require.resolve("better-sqlite3/deps/sqlite3/sqlite3.c")),
  sources: () => ["sqlite3.c"],
  flags: (root) => [`-I${root}`],
  libraries: ["-lm"],
  emit: "shared",
  driver: path.join(here, "sql.c"),
  // No edit may shift lines: assertions tell theirs.
  edits: {
    "one-function edit": {
      what: "a constant in `sqlite3_sleep`",
      file: "sqlite3.c",
      behind: "SQLITE_API int sqlite3_sleep(int ms){",
      before: "1000*ms)/1000",
      after: "1001*ms)/1000",
    },
    "edit of an inlined function": {
      what: "the constant of the hash function of names",
      file: "sqlite3.c",
      behind: "static unsigned int strHash(const char *z){",
      before: "h *= 0x9e3779b1;",
      after: "h *= 0x9e3779b5;",
    },
    "edit of the largest function": {
      what: "a constant in `sqlite3VdbeExec`",
      file: "sqlite3.c",
      behind: "SQLITE_PRIVATE int sqlite3VdbeExec(\n",
      before: "u32 colCacheCtr = 0;",
      after: "u32 colCacheCtr = 1;",
    },
    "new function": {
      what: "a function, a string and a call are added",
      file: "sqlite3.c",
      behind: "SQLITE_API int sqlite3_sleep(int ms){",
      before: "SQLITE_API int sqlite3_sleep(int ms){",
      after:
        'int fg_twice(int ms){ return 2*ms+puts("a new string"); } ' +
        "SQLITE_API int sqlite3_sleep(int ms){ ms = fg_twice(ms);",
    },
    "new field": {
      what: "one at the end of `struct sqlite3`, which functions everywhere use",
      file: "sqlite3.c",
      behind: "struct sqlite3 {\n",
      before: "u64 nSpill;",
      after: "u64 nSpill; u64 nNew;",
    },
    "header-wide edit": {
      what: "a constant in `sqlite3Strlen30`, which is inlined everywhere",
      file: "sqlite3.c",
      behind: "SQLITE_PRIVATE int sqlite3Strlen30(const char *z){",
      before: "0x3fffffff",
      after: "0x1fffffff",
    },
  },
};

const zstdRoot = path.join(
  path.dirname(require.resolve("zstd-napi/package.json")),
  "deps/zstd/lib",
);

export const zstd = {
  open: openClang,
  name: "zstd",
  title: "zstd 1.5, 26 files of C",
  root: zstdRoot,
  sources: () => filesIn(zstdRoot, ".c"),
  flags: (root) => ["-DZSTD_DISABLE_ASM", `-I${root}`],
  libraries: [],
  emit: "shared",
  driver: path.join(here, "zstd.c"),
  edits: {
    "one-function edit": {
      what: "a statement is added to `ZSTD_versionNumber`",
      file: "common/zstd_common.c",
      before: "unsigned ZSTD_versionNumber(void) {",
      after: "unsigned ZSTD_versionNumber(void) { if (ZSTD_isError(0)) return 1;",
    },
    "header-wide edit": {
      what: "a constant in `zstd_internal.h`",
      file: "common/zstd_internal.h",
      before: "#define ZSTD_WORKSPACETOOLARGE_MAXDURATION 128",
      after: "#define ZSTD_WORKSPACETOOLARGE_MAXDURATION 129",
    },
  },
};

export const tiny = {
  open: openClang,
  name: "tiny",
  title: "two files of a few lines of C",
  root: path.join(here, "tiny"),
  sources: () => ["main.c", "words.c"],
  flags: () => [],
  libraries: [],
  emit: "executable",
  arguments: () => ["some", "words"],
  edits: {
    "one-function edit": {
      what: "a constant in `sumOf`",
      file: "words.c",
      before: "sum % 900",
      after: "sum % 900 % 901",
    },
    "header-wide edit": {
      what: "a constant in `words.h`",
      file: "words.h",
      before: "limit = 1000",
      after: "limit = 999",
    },
  },
};

function filesIn(root, ending) {
  return readdirSync(root, { recursive: true })
    .filter((file) => file.endsWith(ending))
    .sort();
}
