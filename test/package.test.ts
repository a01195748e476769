import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import path from "node:path";
import { dependencies, version } from "../package.json";
import { run, Workspace } from "./helpers";

// The package as users get it: packed, unpacked elsewhere, with a prebuilt addon.

const root = path.join(__dirname, "..");
const work = new Workspace();
const installed = work.path("node_modules/finegrain");

beforeAll(() => {
  const pack = ["pack", "--ignore-scripts", "--silent", "--pack-destination", work.folder];
  execFileSync("npm", pack, { cwd: root, stdio: ["ignore", "ignore", "inherit"] });
  mkdirSync(installed, { recursive: true });
  const tarball = work.path(`finegrain-${version}.tgz`);
  execFileSync("tar", ["xzf", tarball, "--strip-components=1", "-C", installed]);
  for (const name of Object.keys(dependencies))
    symlinkSync(path.join(root, "node_modules", name), work.path("node_modules", name));
});

test("the tarball holds what users need, and nothing else", () => {
  const found = readdirSync(installed).filter((name) => name !== "prebuilds");
  expect(found.sort()).toEqual([
    "CHANGELOG.md",
    "CMakeLists.txt",
    "LICENSE",
    "README.md",
    "THIRD_PARTY_NOTICES.md",
    "dist",
    "docs",
    "native",
    "package.json",
    "scripts",
  ]);
  expect(readdirSync(path.join(installed, "scripts"))).toEqual(["install.cjs"]);
  const endings = (folder: string) =>
    (readdirSync(path.join(installed, folder), { recursive: true }) as string[])
      .filter((file) => path.extname(file) !== "")
      .map((file) => file.replace(/^[^.]*/, ""));
  expect(new Set(endings("dist"))).toEqual(new Set([".js", ".mjs", ".d.ts", ".d.mts"]));
  expect(new Set(endings("native"))).toEqual(new Set([".cc", ".h", ".map"]));
  expect(new Set(endings("docs"))).toEqual(new Set([".md"]));
});

test("the notices name every package that is bundled", () => {
  const notices = readFileSync(path.join(installed, "THIRD_PARTY_NOTICES.md"), "utf8");
  const bundles = readdirSync(path.join(installed, "dist"))
    .filter((name) => name.endsWith(".js"))
    .map((name) => readFileSync(path.join(installed, "dist", name), "utf8"));
  const bundled = bundles.flatMap((code) => [
    ...code.matchAll(/^\/\/ node_modules\/((?:@[^/]+\/)?[^/]+)/gm),
  ]);
  const names = [...new Set(bundled.map((match) => match[1]!))];
  expect(names).toContain("commander");
  expect(names.filter((name) => !notices.includes(`| ${name} | Copyright`))).toEqual([]);
});

test("the addon needs no LLVM where it runs", () => {
  const { stdout } = run("readelf", ["-d", path.join(root, "build/Release/finegrain.node")]);
  const needed = [...stdout.matchAll(/NEEDED.*\[(\w+[+]*)/g)].map((match) => match[1]!);
  expect(needed).toContain("libc");
  const everywhere = ["libc", "libm", "libgcc_s", "libstdc++", "ld"];
  expect(needed.filter((name) => !everywhere.includes(name))).toEqual([]);
});

describe("with a prebuilt addon", () => {
  beforeAll(() => {
    const folder = path.join(installed, `prebuilds/${process.platform}-${process.arch}`);
    mkdirSync(folder, { recursive: true });
    const built = path.join(root, "build/Release/finegrain.node");
    cpSync(built, path.join(folder, "finegrain.node"));
  });

  const script = `
const input = { name: "answer.ll", bytes: Buffer.from("define i32 @answer() { ret i32 42 }") };
async function main() {
  const object = await compile({ input });
  const [unit] = await split(input);
  const report = await build({ inputs: [input], output: "answer.so", emit: "image", cache: "cache" });
  const image = Image.open("answer.so");
  const failure = await build({ inputs: [], output: "x" }).catch((error) => error);
  console.log(object.length > 0, unit.linkNames, report.units, image.functionNames,
    openStore("cache").url.startsWith("file:"), failure instanceof FinegrainError);
}
main();
`;
  const names = "{ build, compile, FinegrainError, Image, openStore, split }";

  test.each([
    ["import", "script.mjs", `import ${names} from "finegrain";`],
    ["require", "script.cjs", `const ${names} = require("finegrain");`],
  ])("%s works", (_, name, first) => {
    const result = run(process.execPath, [work.write(name, first + script)], { cwd: work.folder });
    expect(result).toEqual({
      status: 0,
      stdout: "true [ 'answer' ] 1 [ 'answer' ] true true\n",
      stderr: "",
    });
  });

  test("users find the tests for stores of their own", () => {
    const script = `
      const { testStoreCompliance } = require("finegrain/store-compliance");
      const { openStore } = require("finegrain");
      const { test } = require("node:test");
      let places = 0;
      testStoreCompliance(test, () => {
        const folder = "place" + places++;
        return { open: () => openStore(folder) };
      });`;
    const file = work.write("compliance.cjs", script);
    const { status, stdout } = run(process.execPath, ["--test", file], { cwd: work.folder });
    expect(status).toBe(0);
    expect(stdout).toMatch(/^# fail 0$/m);
  });

  test("the command line works, and the install script builds nothing", () => {
    const main = path.join(installed, "dist/cli.js");
    expect(run(process.execPath, [main, "--version"]).stdout).toBe(`${version}\n`);
    const install = run(process.execPath, [path.join(installed, "scripts/install.cjs")]);
    expect(install).toEqual({ status: 0, stdout: "", stderr: "" });
    expect(existsSync(path.join(installed, "build"))).toBe(false);
  });
});

test("the types need neither @types/node nor skipLibCheck", () => {
  const consumer = `
import { build, compile, type BuildOptions, type BuildReport, type ErrorCode, FinegrainError } from "finegrain";
import { Image, openStore, split, type Store } from "finegrain";
const options: BuildOptions = { inputs: ["a.bc"], output: "a.so", level: "Os", link: { args: [] } };
const report: BuildReport = await build({ ...options, onProgress: ({ done, total }) => done / total });
const hits: number = report.cache.hits + report.phases.total;
const object: Uint8Array = await compile({ input: { name: "a", bytes: new Uint8Array() } });
const names: string[] = (await split("a.bc")).flatMap((unit) => unit.linkNames);
const slot: bigint = Image.open("a.so").readSlot("slot");
const store: Store = openStore("folder");
const code: ErrorCode = new FinegrainError("ABORTED", "stopped").code;
// @ts-expect-error: no such level
const wrong: BuildOptions = { inputs: [], output: "", level: "O9" };
// @ts-expect-error: misspelt
const misspelt: BuildOptions = { inputs: [], output: "", thread: 2 };
export { code, hits, misspelt, names, object, slot, store, wrong };
`;
  work.write("package.json", '{ "type": "module" }');
  const compilerOptions = {
    target: "es2022",
    module: "nodenext",
    strict: true,
    noEmit: true,
    types: [],
  };
  work.write("consumer.ts", consumer);
  work.write("tsconfig.json", JSON.stringify({ compilerOptions, files: ["consumer.ts"] }));
  const tsc = path.join(root, "node_modules/.bin/tsc");
  expect(run(tsc, ["-p", work.folder])).toEqual({ status: 0, stdout: "", stderr: "" });
});
