/** Every store does what a store must do. */

import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import path from "node:path";
import { Redis } from "ioredis";
import { openStore } from "../lib";
import { type StorePlace, testStoreCompliance } from "../lib/store/compliance";
import { loadSqlite } from "../lib/store/sqlite-driver";
import { Workspace } from "./helpers";
import { type Server, startNginx, startRedis } from "./servers";

const work = new Workspace();
const hex = (key: Uint8Array) => Buffer.from(key).toString("hex");
let places = 0;
const newFolder = () => work.path(`place${places++}`);

function flipLastByte(file: string): void {
  const content = readFileSync(file);
  writeFileSync(file, content.fill(content.at(-1)! ^ 1, content.length - 1));
}

function fileOf(folder: string, key: Uint8Array): string {
  return path.join(folder, hex(key).slice(0, 2), hex(key).slice(2));
}

function filePlace(): StorePlace {
  const folder = newFolder();
  return {
    open: () => openStore(folder),
    damage: async (key) => flipLastByte(fileOf(folder, key)),
  };
}

function sqlitePlace(): StorePlace {
  const file = path.join(newFolder(), "cache.db");
  return {
    open: () => openStore(`sqlite:${file}`),
    async damage(key) {
      const db = new (loadSqlite())(file);
      db.prepare(
        "UPDATE entries SET value = substr(value, 1, length(value) - 1) WHERE key = ?",
      ).run(key);
      db.close();
    },
  };
}

function casPlace(): StorePlace {
  const folder = newFolder();
  return {
    open: () => openStore(`cas:${folder}`),
    async damage(key) {
      // The key is in the value's envelope; while a store has the file open, most of it is a hole.
      const file = openSync(path.join(folder, "1", "values"), "r+");
      const content = Buffer.alloc(1024 * 1024);
      readSync(file, content, 0, content.length, 0);
      const at = content.indexOf(key) + 2000;
      writeSync(file, content.fill(content[at]! ^ 1, at, at + 1), at, 1, at);
      closeSync(file);
    },
  };
}

describe("a file store", () => testStoreCompliance(test, filePlace));
describe("a SQLite store", () => testStoreCompliance(test, sqlitePlace));
describe("a store in LLVM's CAS", () => testStoreCompliance(test, casPlace));

describe("a Redis store", () => {
  let server: Server;
  beforeAll(async () => {
    server = await startRedis({ password: "se/cret" });
  });
  afterAll(() => server.stop());

  testStoreCompliance(test, () => {
    const url = `redis://:${encodeURIComponent("se/cret")}@127.0.0.1:${server.port}/0`;
    const prefix = `place${places++}:`;
    return {
      open: () => openStore(`${url}?prefix=${prefix}`),
      async damage(key) {
        const redis = new Redis(url);
        const value = await redis.getBuffer(prefix + hex(key));
        await redis.set(prefix + hex(key), value!.subarray(1));
        redis.disconnect();
      },
    };
  });
});

describe("an HTTP store", () => {
  let server: Server;
  const folder = work.path("nginx");
  beforeAll(async () => {
    mkdirSync(folder);
    server = await startNginx(folder, "se/cret");
  });
  afterAll(() => server.stop());

  testStoreCompliance(test, () => {
    const place = `place${places++}`;
    const origin = `http://ci:${encodeURIComponent("se/cret")}@127.0.0.1:${server.port}`;
    return {
      open: () => openStore(`${origin}/${place}/`),
      async damage(key) {
        const file = path.join(folder, "data", place, "ac", hex(key));
        truncateSync(file, readFileSync(file).length - 1);
      },
    };
  });
});

describe("stores in a row", () => {
  testStoreCompliance(test, () => {
    const [near, far] = [newFolder(), newFolder()];
    return { open: () => openStore(`${near},file:${far}`) };
  });

  // What the far one has wrong, the near one never sees.
  testStoreCompliance(
    (name, run) => test(`${name}, the near one empty each time`, run),
    () => {
      const far = filePlace();
      return {
        open() {
          const near = newFolder();
          return openStore(`${near},${far.open().url}`);
        },
      };
    },
  );
});
