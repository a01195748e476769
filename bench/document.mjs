// The measured part of docs/benchmarks.md. What stands outside the marks is
// written by hand and stays.

import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import {
  absentLines,
  machineLines,
  phaseTable,
  resultTable,
  seconds,
  spread,
  table,
} from "../dist/bench.js";

const marks = ["<!-- measured: npm run bench writes this -->", "<!-- end of what was measured -->"];

export function writeDocument({ template, file, plotFolder }, results, plots) {
  const text = readFileSync(template, "utf8");
  const [start, end] = marks.map((mark) => text.indexOf(mark));
  if (start < 0 || end < start) throw new Error("docs/benchmarks.md has lost its marks");
  const head = text.slice(0, start + marks[0].length);
  const folder = path.relative(path.dirname(file), plotFolder);
  const picture = ({ name, title }) => `![${title}](${path.join(folder, `${name}.svg`)})`;
  const body = sections(results, (prefix) =>
    plots.filter(({ name }) => name.startsWith(prefix)).map(picture),
  );
  writeFileSync(file, `${head}\n\n${body}\n\n${text.slice(end)}`);
}

function sections(results, plots) {
  const {
    machine,
    contests = [],
    cold,
    codegen,
    project,
    edits,
    growth = [],
    perUnit,
    runtime = [],
    stores,
  } = results;
  return [
    `${machineLines(machine)}`,
    ...contests.map(contestSection),
    ...(contests.length > 0
      ? [`## Phases and hits\n\n${together(plots("phases"), plots("hits"))}`]
      : []),
    ...(cold ? [coldSection(cold)] : []),
    ...(codegen ? [codegenSection(codegen)] : []),
    ...(project ? [projectSection(project)] : []),
    ...(edits ? [editSection(edits, plots("edits"))] : []),
    ...growth.map((one) =>
      growthSection(one, [...plots(`growth-${one.kind}`), ...plots(`memory-${one.kind}`)]),
    ),
    ...(perUnit ? [perUnitSection(perUnit)] : []),
    ...(runtime.length > 0 ? [runtimeSection(runtime)] : []),
    ...(stores ? [storeSection(stores)] : []),
  ].join("\n\n");
}

const together = (...parts) => parts.flat().join("\n\n");

function contestSection({ name, title, files, edits, baseline, absent, failures, results }) {
  const what = edits.map(({ edit, what }) => `- ${edit}: ${what}`);
  return together(
    `## ${name}: ${title}`,
    `${files} files, medians of ${results[0].rounds}. Ratios are to ${baseline}: its rebuild of what the edit touched, else its cold build.`,
    what.join("\n"),
    resultTable(results, baseline),
    "The phases of finegrain's builds, in milliseconds:",
    phaseTable(results),
    ...(absent.length + failures.length > 0 ? [absentLines(absent, failures)] : []),
  );
}

const coldSection = (cold) =>
  duelSection(
    "Cold builds",
    `${cold.name}, against ${cold.baseline} alone, medians of ${cold.results[0].rounds}.`,
    cold,
  );

const codegenSection = (codegen) =>
  duelSection(
    "Code generation alone",
    `${codegen.name} as clang -O2 has optimised it. "${codegen.baseline}" is llc alone here.`,
    codegen,
  );

function duelSection(title, text, { baseline, failures, results }) {
  return together(
    `## ${title}`,
    text,
    resultTable(results, baseline),
    phaseTable(results),
    ...(failures.length > 0 ? [absentLines([], failures)] : []),
  );
}

function projectSection({ name, files, rounds, roundsAlone, results }) {
  const rows = results.map(
    ({ contender, wall, cpu, cpuInBuild, ratioInBuild, peak, ratio, counts }) => [
      contender,
      seconds(wall.median),
      ratio.wall.toFixed(3),
      spread(wall),
      seconds(cpu.median),
      ratio.cpu.toFixed(3),
      ...(cpuInBuild ? [seconds(cpuInBuild.median), ratioInBuild.toFixed(3)] : ["–", "–"]),
      peak.median.toFixed(0),
      ...["units", "simplified", "emitted"].map((count) => (counts ? String(counts[count]) : "–")),
    ],
  );
  const ratio = "÷ opt and llc";
  const header = ["", "wall s", ratio, "spread", "CPU s", ratio, "in build()", ratio, "peak MB"];
  return together(
    "## A project, file after file",
    `${name}, ${files} files of bitcode, medians of ${rounds}, and of ${roundsAlone} where a file is alone. clang runs once for each file, so do opt and llc, joined by a pipe; finegrain builds them one by one in one process, on 2 threads where nothing else is said. Of its seconds of CPU, those in build() are told too: the others are Node's. With the cache off every unit is made.`,
    table([...header, "units", "simplified", "emitted"], rows),
  );
}

function editSection({ name, functions, results }, plots) {
  const total = ({ counts }) => counts.phases.total;
  const cold = results.find(({ scenario }) => scenario === "cold");
  const rows = results.map((result) => [
    result.scenario,
    total(result).toFixed(0),
    (total(result) / total(cold)).toFixed(3),
    spread(result.wall),
    `${result.counts.hits}/${result.counts.lookups}`,
    result.checked,
  ]);
  return together(
    "## Time against the number of edited functions",
    `${name}, ${functions} functions; a constant in each of some is another one.`,
    table(["edited", "build() ms", "÷ cold", "spread", "hits", "checked"], rows),
    plots,
  );
}

function growthSection({ what, points, exponents }, plots) {
  const rows = points.flatMap(({ size, results }) =>
    results.map(({ scenario, wall, cpu, peak, counts }, i) => {
      const { total, ...phases } = counts.phases;
      const [longest] = Object.entries(phases).sort(([, a], [, b]) => b - a);
      return [
        i === 0 ? String(size) : "",
        scenario,
        seconds(wall.median),
        spread(wall),
        seconds(cpu.median),
        total.toFixed(0),
        `${longest[0]} ${((100 * longest[1]) / total).toFixed(0)} %`,
        peak.median.toFixed(0),
        `${counts.hits}/${counts.lookups}`,
      ];
    }),
  );
  const fits = Object.entries(exponents).map(
    ([name, exponent]) => `${name} ${exponent.toFixed(2)}`,
  );
  const header = ["", "", "wall s", "spread", "CPU s", "build() ms"];
  return together(
    `## Growth with the number of ${what}`,
    `Exponents of build(), fitted by least squares of logarithms: ${fits.join(", ")}. 1 is linear. Cold builds are measured once.`,
    table([...header, "longest phase", "peak MB", "hits"], rows),
    plots,
  );
}

function perUnitSection({ name, absent, units, children, inProcess }) {
  const title = "## What compiling in process saves";
  if (absent) return together(title, `Not measured: ${absent}.`);
  const row = (what, { wall, cpu }) => [
    what,
    wall.median.toFixed(2),
    (wall.median / inProcess.wall.median).toFixed(2),
    spread(wall),
    cpu.median.toFixed(2),
  ];
  return together(
    title,
    `${units} function units of ${name}, code generation at -O2, one after the other. Milliseconds a unit.`,
    table(
      ["", "wall ms", "÷ in process", "spread", "CPU ms"],
      [row("llc, a process for each", children), row("compile(), in process", inProcess)],
    ),
  );
}

function runtimeSection(runtime) {
  const rows = runtime.flatMap(({ name, results }) =>
    results.map(({ contender, cpu, ratio }, i) => [
      i === 0 ? name : "",
      contender,
      cpu.median.toFixed(3),
      ratio.toFixed(3),
      spread(cpu),
    ]),
  );
  return together(
    "## How fast the code runs",
    "CPU time of programs built at -O2, each linked to begin at four places in a cache line. All print the same.",
    table(["", "built by", "CPU s", "÷ the first", "spread"], rows),
  );
}

function storeSection({ count, rounds, columns, rows }) {
  const cell = (ms) => (ms === null ? "–" : ms.toFixed(1));
  return together(
    "## Stores",
    `${count} look-ups, all hits, in milliseconds, opening included; medians of ${rounds} processes. For the last column the page cache was dropped before.`,
    table(
      ["", ...columns],
      rows.map(({ store, cells }) => [store, ...cells.map(cell)]),
    ),
  );
}
