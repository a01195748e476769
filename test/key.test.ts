/** Every field of the key decides: change it: miss; change it back: hit. */

import { type BuildOptions, build } from "../lib";
import { type KeyFields, type KeySubject, keyFor, keyOf } from "../lib/key";
import type { EmitOptions } from "../lib/native";
import { Workspace } from "./helpers";

const work = new Workspace();

const fields: KeyFields = {
  schema: 3,
  llvmVersion: "22.1.8",
  codegenRevision: "a1",
  triple: "x86_64-unknown-linux-gnu",
  cpu: "",
  features: "",
  relocationModel: "pic",
  codeModel: "",
  pipeline: "default<O2>",
  vectorize: true,
  codegenLevel: 2,
  kind: "object",
  body: "b1",
  linkNames: "",
  imports: "",
};

/** Another value for each field. The compiler asks for one where a field is new. */
const changes: Record<keyof KeyFields, unknown> = {
  schema: 4,
  llvmVersion: "22.1.9",
  codegenRevision: "a2",
  triple: "x86_64-unknown-linux-musl",
  cpu: "haswell",
  features: "+avx2",
  relocationModel: "static",
  codeModel: "large",
  pipeline: "default<O3>",
  vectorize: false,
  codegenLevel: 3,
  kind: "asm",
  body: "b2",
  linkNames: "c1",
  imports: "d1",
};

const digestOf = (changed: object) =>
  keyOf(JSON.stringify({ ...fields, ...changed })).digest.toString("hex");

const unit = (changed: Partial<KeySubject> = {}): KeySubject => ({
  body: "b1",
  linkNames: Buffer.from("a\0"),
  ...changed,
});

const emitOptions: EmitOptions = {
  triple: fields.triple,
  cpu: "",
  features: "",
  pipeline: fields.pipeline,
  vectorize: true,
  codegenLevel: 2,
  relocationModel: "pic",
  codeModel: "",
  kind: "object",
};

describe("the digest", () => {
  test.each(Object.entries(changes))("depends on %s", (field, other) => {
    const changed = digestOf({ [field]: other });
    expect(changed).not.toBe(digestOf({}));
    expect(digestOf({ [field]: other })).toBe(changed);
  });

  test("has no field without a test", () => {
    const { text } = keyFor(unit(), emitOptions);
    expect(Object.keys(JSON.parse(text))).toEqual(Object.keys(changes));
  });

  test("differs for all changes", () => {
    const digests = Object.entries(changes).map(([field, other]) => digestOf({ [field]: other }));
    expect(new Set(digests).size).toBe(digests.length);
  });

  test("keeps one field's text apart from the next field's", () => {
    const lists = [
      { cpu: "a", features: "b" },
      { cpu: "ab", features: "" },
      { cpu: "", features: "ab" },
      { cpu: 'a","features":"b', features: "" },
      { cpu: 'a","features":"b"', features: "" },
      { cpu: "a\\", features: "b" },
      { cpu: 'a\\"', features: "b" },
      { cpu: "a\0b", features: "" },
      { cpu: "a", features: "\0b" },
    ];
    expect(new Set(lists.map(digestOf)).size).toBe(lists.length);
  });
});

describe("a unit's key", () => {
  const digestFor = (options: Partial<EmitOptions>, of = unit()) =>
    keyFor(of, { ...emitOptions, ...options }).digest.toString("hex");

  const options = Object.keys(emitOptions) as (keyof EmitOptions)[];
  test.each(options)("holds the option %s", (option) => {
    expect(digestFor({ [option]: changes[option] })).not.toBe(digestFor({}));
  });

  test("holds the body's digest", () => {
    expect(digestFor({}, unit({ body: "b2" }))).not.toBe(digestFor({}));
  });

  test("holds what is known of other units", () => {
    expect(digestFor({}, unit({ imports: "d1" }))).not.toBe(digestFor({}));
  });

  test.each(["object", "asm", "bitcode"] as const)(
    "holds link names unless it is for an object: %s",
    (kind) => {
      const other = unit({ linkNames: Buffer.from("b\0") });
      const isSame = digestFor({ kind }) === digestFor({ kind }, other);
      expect(isSame).toBe(kind === "object");
    },
  );
});

describe("a build", () => {
  const program = (constant: number, name = "scale") =>
    work.bitcode(
      `${name}${constant}.c`,
      `void ${name}(float *x, int n) { for (int i = 0; i < n; i++) x[i] *= ${constant}; }`,
      // Without it the names of the files differ, and assembly and bitcode hold them.
      ["-Xclang", "-main-file-name", "-Xclang", "scale.c"],
    );
  const scale = program(3);
  // Of no target: what clang writes names x86 features.
  const plain = work.write("plain.ll", "define i32 @one() {\n  ret i32 1\n}\n");
  const base: Partial<BuildOptions> = { inputs: [scale], emit: "archive" };

  let builds = 0;
  const countersOf = async (cache: string, options: Partial<BuildOptions>) => {
    const output = work.path(`output${builds++}`);
    const { hits, misses } = (await build({ ...base, ...options, output, cache } as BuildOptions))
      .cache;
    return { hits, misses };
  };

  const cases: [string, Partial<BuildOptions>, Partial<BuildOptions>][] = [
    ["the body", {}, { inputs: [program(4)] }],
    ["the target", { inputs: [plain] }, { inputs: [plain], target: "aarch64-linux-gnu" }],
    ["the target's last part", {}, { target: "x86_64-pc-linux-musl" }],
    ["the CPU", {}, { cpu: "haswell" }],
    ["the features", {}, { features: "+avx2" }],
    ["the features' flag", { features: "+avx2" }, { features: "-avx2" }],
    ["codegenOnly", {}, { codegenOnly: true }],
    ["the level of codegenOnly", { codegenOnly: true }, { codegenOnly: true, level: "O0" }],
    ...(["O0", "O1", "O3", "Os", "Oz"] as const).map(
      (level): [string, Partial<BuildOptions>, Partial<BuildOptions>] => [
        `the level O2 or ${level}`,
        {},
        { level },
      ],
    ),
    ["assembly or an object", {}, { emit: "asm" }],
    ["assembly or bitcode", { emit: "asm" }, { emit: "bitcode" }],
    ["names in assembly", { emit: "asm" }, { emit: "asm", inputs: [program(3, "mul")] }],
    ["names in bitcode", { emit: "bitcode" }, { emit: "bitcode", inputs: [program(3, "mul")] }],
  ];

  test.each(cases)(
    "misses where it changes, and hits where it changes back: %s",
    async (...row) => {
      const [name, before, after] = row;
      const cache = work.path(`cache ${name}`);
      expect(await countersOf(cache, before)).toEqual({ hits: 0, misses: 1 });
      expect(await countersOf(cache, after)).toEqual({ hits: 0, misses: 1 });
      expect(await countersOf(cache, before)).toEqual({ hits: 1, misses: 0 });
      expect(await countersOf(cache, after)).toEqual({ hits: 1, misses: 0 });
    },
  );

  test.each<[string, Partial<BuildOptions>]>([
    ["names of an object", { inputs: [program(3, "mul")] }],
    ["the kind of link", { emit: "shared" }],
    ["the number of threads", { threads: 2 }],
    ["a target that the input has anyway", { target: "x86_64-pc-linux-gnu" }],
  ])("does not miss for %s", async (name, change) => {
    const cache = work.path(`cache ${name}`);
    await countersOf(cache, {});
    expect(await countersOf(cache, change)).toEqual({ hits: 1, misses: 0 });
  });
});
