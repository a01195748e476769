// Builds libzstd.so from 26 C files: cold, warm, and after an edit of one
// function. Then loads the library and sends real data through it.

import { execFile } from "node:child_process";
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { build } from "finegrain";
import koffi from "koffi";

const run = promisify(execFile);
const require = createRequire(import.meta.url);
const root = path.join(import.meta.dirname, "../..");
const work = path.join(root, ".demo");
const sources = path.join(work, "lib");
const bitcode = path.join(work, "bitcode");
const output = path.join(work, "libzstd.so");

/** Copies zstd's sources, so that one of them can be edited. */
async function prepare() {
  await rm(work, { recursive: true, force: true });
  await mkdir(bitcode, { recursive: true });
  const shipped = path.dirname(require.resolve("zstd-napi/package.json"));
  await cp(path.join(shipped, "deps/zstd/lib"), sources, { recursive: true });
  const files = await readdir(sources, { recursive: true });
  return files.filter((file) => file.endsWith(".c")).sort();
}

const bitcodeOf = (file) => path.join(bitcode, `${path.basename(file, ".c")}.bc`);

/** clang stops before optimising: that is finegrain's part. */
async function toBitcode(file) {
  const flags = "-O2 -fPIC -DZSTD_DISABLE_ASM -DZSTD_MULTITHREAD -emit-llvm -c".split(" ");
  const frontendOnly = ["-Xclang", "-disable-llvm-passes"];
  await run("clang-22", [
    ...flags,
    ...frontendOnly,
    path.join(sources, file),
    "-o",
    bitcodeOf(file),
  ]);
}

async function compileAll(files) {
  const queue = [...files];
  const worker = async () => {
    for (let file = queue.pop(); file; file = queue.pop()) await toBitcode(file);
  };
  await Promise.all(Array.from({ length: os.availableParallelism() }, worker));
}

async function timedBuild(title, files) {
  console.log(`\n${title}`);
  const cache = path.join(work, "cache");
  const report = await build({ inputs: files.map(bitcodeOf), output, cache });
  const { cache: counts, phases } = report;
  const shown = Object.entries(phases).filter(([, ms]) => ms >= 0.05);
  console.log(
    shown.map(([name, ms]) => `  ${name.padEnd(8)} ${ms.toFixed(1).padStart(9)} ms`).join("\n"),
  );
  const percent = Math.floor((counts.hits * 100) / counts.lookups);
  console.log(`cache hits: ${counts.hits}/${counts.lookups} (${percent}%)`);
  console.log(`added ${counts.addedBytes} B to cache`);
  return `${counts.hits}/${counts.lookups}`;
}

/** One more statement in one function of one file. */
async function editOneFunction() {
  const file = "common/zstd_common.c";
  const source = path.join(sources, file);
  const before = await readFile(source, "utf8");
  const signature = "unsigned ZSTD_versionNumber(void) {";
  const after = before.replace(signature, `${signature} if (ZSTD_isError(0)) return 1;`);
  if (after === before) throw new Error("the function to edit is not where it was");
  await writeFile(source, after);
  await toBitcode(file);
}

/** Compresses the library itself and gets it back. */
async function roundTrip() {
  const library = koffi.load(output);
  const compressBound = library.func("size_t ZSTD_compressBound(size_t)");
  const compress = library.func(
    "size_t ZSTD_compress(_Out_ void *, size_t, const void *, size_t, int)",
  );
  const decompress = library.func(
    "size_t ZSTD_decompress(_Out_ void *, size_t, const void *, size_t)",
  );
  const data = await readFile(output);
  const packed = Buffer.alloc(Number(compressBound(data.length)));
  const packedSize = Number(compress(packed, packed.length, data, data.length, 3));
  const unpacked = Buffer.alloc(data.length);
  const unpackedSize = Number(decompress(unpacked, unpacked.length, packed, packedSize));
  if (unpackedSize !== data.length || !unpacked.equals(data))
    throw new Error("the data came back changed");
  console.log(`\nlibzstd.so compressed itself from ${data.length} to ${packedSize} bytes and back`);
}

const files = await prepare();
console.log(`compiling ${files.length} C files of zstd to bitcode with clang-22`);
await compileAll(files);
const hits = [await timedBuild("cold", files), await timedBuild("warm", files)];
await editOneFunction();
hits.push(await timedBuild("after an edit of one function", files));
await roundTrip();
const expected = [
  `0/${files.length}`,
  `${files.length}/${files.length}`,
  `${files.length - 1}/${files.length}`,
];
if (hits.join() !== expected.join()) throw new Error(`hits were ${hits}, not ${expected}`);
