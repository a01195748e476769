/** Rust: modules of rustc, linked with its standard library. */

import { mkdirSync, readdirSync } from "node:fs";
import path from "node:path";
import { build } from "../lib";
import { run, Workspace } from "./helpers";

const work = new Workspace();
const fixtures = path.join(__dirname, "fixtures/rust");
const hasRustc = run("rustc", ["--version"]).status === 0;

test("textual IR of rustc is built and runs", async () => {
  const inputs = [path.join(fixtures, "small.ll")];
  for (const options of [{ level: "O0" }, { level: "O2" }, { codegenOnly: true }] as const) {
    const output = work.path("small");
    await build({ inputs, output, ...options, cache: "off" });
    expect(run(output)).toEqual({ status: 5, stdout: "16\n15\n42\n", stderr: "" });
  }
});

if (hasRustc) {
  const { expected, files, libraries } = rustcBuild();
  const withStd = ["--start-group", ...libraries, "--end-group", "-lm"];
  const optimised = files.filter((file) => file.endsWith(".rcgu.bc"));
  // rustc makes the module with the allocator's entry points on its own, optimised.
  const units = files.filter((file) => file.endsWith(".no-opt.bc"));
  const allocator = optimised.filter((file) => !/-cgu\.\d+\.rcgu\.bc$/.test(file));

  test("rustc made what the tests build on", () => {
    expect({ status: expected.status, stderr: expected.stderr }).toEqual({
      status: 23,
      stderr: "",
    });
    expect(expected.stdout).toContain("dropped while unwinding\ncaught: true\n");
    expect(units.length).toBeGreaterThan(1);
    expect(allocator.length).toBe(1);
  });

  test.each([
    { what: "optimised modules", inputs: optimised, options: { codegenOnly: true } },
    { what: "modules at -O0", inputs: [...units, ...allocator], options: { level: "O0" } },
    { what: "modules at -O2", inputs: [...units, ...allocator], options: { level: "O2" } },
  ] as const)("a program of $what runs as rustc's does", async ({ inputs, options }) => {
    const output = work.path("static");
    await build({ inputs: [...inputs], output, ...options, link: { args: withStd }, cache: "off" });
    expect(run(output)).toEqual(expected);
  });

  test("a program with the shared standard library runs as rustc's does", async () => {
    const folder = path.dirname(libraries[0]!);
    const std = readdirSync(folder).find((name) => /^libstd-.*\.so$/.test(name))!;
    const output = work.path("dynamic");
    const args = [path.join(folder, std), "-rpath", folder];
    const inputs = optimised.filter((file) => !allocator.includes(file));
    await build({ inputs, output, codegenOnly: true, link: { args }, cache: "off" });
    expect(run(output)).toEqual(expected);
  });
} else {
  test("rustc's absence is said aloud", () => {
    console.warn("rustc is not installed: programs with Rust's standard library were not built");
    expect(run("rustc", ["--version"]).status).not.toBe(0);
  });
}

/** Builds the program with rustc alone, which leaves its modules and link arguments behind. */
function rustcBuild() {
  const folder = work.path("rustc");
  mkdirSync(folder);
  const flags = ["--edition", "2021", "-O", "-C", "codegen-units=4", "-C", "lto=off"];
  const saved = ["-C", "save-temps", "--print", "link-args", "--out-dir", folder];
  const result = run("rustc", [...flags, ...saved, path.join(fixtures, "program.rs")]);
  if (result.status !== 0) throw new Error(result.stderr);
  return {
    expected: run(path.join(folder, "program")),
    files: readdirSync(folder).map((name) => path.join(folder, name)),
    libraries: result.stdout.match(/(?<=")[^"]+\.rlib(?=")/g) ?? [],
  };
}
