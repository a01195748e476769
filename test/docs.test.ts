import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { type BuildOptions, build, type CompileOptions } from "../lib";
import { Workspace } from "./helpers";

const root = path.join(__dirname, "..");
const read = (file: string) => readFileSync(path.join(root, file), "utf8");
const work = new Workspace();

/** The names in the first column of the tables under a heading, up to the next heading. */
function documented(heading: string): string[] {
  const section = read("docs/api.md").split(`# ${heading}\n`)[1]!.split(/^#/m)[0]!;
  const cells = [...section.matchAll(/^\| (`.*?) \|/gm)].map(([, cell]) => cell!);
  return cells.flatMap((cell) => [...cell.matchAll(/`([\w.]+)`/g)].map(([, name]) => name!));
}

test("every error code has a heading that says what to do, and nothing else has", () => {
  const codes = [...read("lib/errors.ts").matchAll(/^ {2}"(\w+)",/gm)].map(([, code]) => code);
  const headings = [...read("docs/errors.md").matchAll(/^## (.*)$/gm)].map(([, name]) => name);
  expect(codes.length).toBeGreaterThan(10);
  expect(headings).toEqual(codes);
});

// The compiler holds these two against the types: none may be missing or too many.
const code = { level: 1, codegenOnly: 1, target: 1, cpu: 1, features: 1 } as const;
const buildOptions: Record<keyof BuildOptions, 1> = {
  inputs: 1,
  output: 1,
  units: 1,
  emit: 1,
  ...code,
  threads: 1,
  cache: 1,
  verify: 1,
  timings: 1,
  link: 1,
  signal: 1,
  onProgress: 1,
};
const compileOptions: Record<keyof CompileOptions, 1> = { input: 1, emit: 1, ...code };

test.each([
  ["build", Object.keys(buildOptions)],
  ["compile", Object.keys(compileOptions)],
])("the options of %s are those in the docs, in order", (name, options) => {
  expect(documented(`${name}(options)`)).toEqual(options);
});

test("the fields of the report are those in the docs, in order", async () => {
  const input = { name: "f.ll", bytes: Buffer.from("define void @f() { ret void }") };
  const report = await build({ inputs: [input], output: work.path("f.o"), cache: "off" });
  const fields = Object.entries(report).flatMap(([name, value]) =>
    typeof value === "object" && !Array.isArray(value)
      ? Object.keys(value).map((inner) => `${name}.${inner}`)
      : [name],
  );
  expect(documented("The report")).toEqual(fields);
});

test("links between the pages lead somewhere", () => {
  const docs = readdirSync(path.join(root, "docs")).map((name) => `docs/${name}`);
  const links = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", ...docs].flatMap((page) =>
    [...read(page).matchAll(/\]\(([^)#:]+)(#[^)]*)?\)/g)].map(([, target]) =>
      path.join(path.dirname(page), target!),
    ),
  );
  expect(links.length).toBeGreaterThan(5);
  expect(links.filter((link) => !existsSync(path.join(root, link)))).toEqual([]);
});
