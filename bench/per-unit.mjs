// What compiling in process saves: code generation of the same units by a child
// process each, and by calls of compile(), one after the other.

import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { compile, split } from "finegrain";
import { findTool, inTurn, measure, summaryOf } from "../dist/bench.js";

/** `file` is bitcode; its units are functions. Times are milliseconds a unit. */
export async function perUnit(file, { count, work, rounds, units = "function" }) {
  const llc = findTool("llc");
  if (!llc) return { absent: "not installed: llc" };
  mkdirSync(work, { recursive: true });
  const all = await split(file, { units });
  const step = Math.max(1, Math.floor(all.length / count));
  const bodies = all.filter((_, i) => i % step === 0).slice(0, count);
  const files = bodies.map(({ body }, i) => {
    const place = path.join(work, `${i}.bc`);
    writeFileSync(place, body);
    return place;
  });
  const flags = ["-O2", "-relocation-model=pic", "-filetype=obj"];
  const commands = files.map((input) => [llc.command, ...flags, input, "-o", `${input}.o`]);
  const samplers = [() => measure([{ commands, jobs: 1 }]), () => compileAll(bodies)];
  const [children, inProcess] = (await inTurn(samplers, rounds)).map((samples) => {
    const each = (field) => summaryOf(samples.map((of) => (of[field] * 1000) / files.length));
    return { wall: each("wall"), cpu: each("cpu") };
  });
  return { units: files.length, children, inProcess };
}

async function compileAll(bodies) {
  const [before, start] = [process.cpuUsage(), performance.now()];
  for (const { name, body } of bodies)
    await compile({ input: { name, bytes: body }, codegenOnly: true });
  const { user, system } = process.cpuUsage(before);
  return { wall: (performance.now() - start) / 1000, cpu: (user + system) / 1e6 };
}
