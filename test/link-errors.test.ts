/** Files that the user hands to lld may be damaged: the process and its other links go on. */

import { readFileSync } from "node:fs";
import { clang, runScript, Workspace } from "./helpers";
import { Random } from "./random";

const work = new Workspace();

/** Links with each of the files; prints one line for each and one for a last, good link. */
const script = `
  const [input, output, ...files] = process.argv.slice(1);
  const linkWith = (args) =>
    finegrain
      .build({ inputs: [input], output, cache: "off", level: "O0", link: { args } })
      .then(() => "linked", ({ code, message }) => code + " " + message.split("\\n")[0]);
  (async () => {
    for (const file of files) console.log(await linkWith([file]));
    console.log(await linkWith([]));
  })();`;

function damaged(content: Buffer, random: Random): Buffer {
  if (random.below(4) === 0) return content.subarray(0, random.below(content.length));
  const bytes = Buffer.from(content);
  const end = random.below(2) === 0 ? 200 : bytes.length;
  for (let count = 1 + random.below(30); count > 0; count--)
    bytes[random.below(end)] = random.below(256);
  return bytes;
}

test.each([
  ["library", "libpeer.so", ["-shared"]],
  ["object", "peer.o", ["-c"]],
])("a damaged %s is an error of that link alone", (_, name, flags) => {
  const random = new Random(name);
  const source = work.write("peer.c", 'const char *peer(void) { return "text"; } int x, *y = &x;');
  const peer = work.path(name);
  clang([...flags, "-fPIC", "-g", source, "-o", peer]);
  const content = readFileSync(peer);
  const files = Array.from({ length: 40 }, (_, i) =>
    work.write(`${i}-${name}`, damaged(content, random)),
  );
  const input = work.bitcode("uses.c", "const char *peer(void); void *f(void) { return peer; }");

  const { status, stdout, stderr } = runScript(script, [input, work.path("out.so"), ...files]);
  const lines = stdout.trim().split("\n");
  expect({ status, stderr, last: lines.at(-1) }).toEqual({ status: 0, stderr: "", last: "linked" });
  expect(lines).toHaveLength(files.length + 1);
  const failures = lines.filter((line) => line !== "linked");
  expect(failures.length).toBeGreaterThan(0);
  for (const line of failures) expect(line).toMatch(/^LINK_FAILED \S/);
});
