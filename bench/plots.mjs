// Results as pictures: SVG, and PNG of the same.

import { writeFileSync } from "node:fs";
import path from "node:path";
import { Resvg } from "@resvg/resvg-js";
import * as echarts from "echarts";

const size = { width: 760, height: 420 };
const font = { sansSerifFamily: "DejaVu Sans" };

/** Writes all plots for which there are results. Resolves to name and title of each. */
export function writePlots(results, folder) {
  const plots = [
    editPlot(results.edits),
    ...(results.growth ?? []).flatMap((growth) => [growthPlot(growth), memoryPlot(growth)]),
    phasePlot(results.contests),
    hitPlot(results.contests),
  ].filter(Boolean);
  for (const { name, title, option } of plots) write(path.join(folder, name), title, option);
  return plots.map(({ name, title }) => ({ name, title }));
}

function write(file, title, option) {
  const chart = echarts.init(null, null, { renderer: "svg", ssr: true, ...size });
  chart.setOption({
    animation: false,
    backgroundColor: "#fff",
    textStyle: { fontFamily: "sans-serif" },
    title: { text: title, left: "center", textStyle: { fontSize: 15 } },
    legend: { bottom: 0, itemGap: 24 },
    grid: { left: 80, right: 40, top: 50, bottom: 80 },
    ...option,
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  writeFileSync(`${file}.svg`, svg);
  const png = new Resvg(svg, { font, fitTo: { mode: "zoom", value: 2 } }).render().asPng();
  writeFileSync(`${file}.png`, png);
}

const axis = (type, name) => ({ type, name, nameLocation: "middle", nameGap: 45 });

/** Lines over a number, both axes logarithmic. */
function lines(x, y, series) {
  return {
    xAxis: { ...axis("log", x), nameGap: 28 },
    yAxis: axis("log", y),
    series: series.map(({ name, data }) => ({ type: "line", name, data })),
  };
}

function editPlot(edits) {
  if (!edits) return undefined;
  const points = edits.results.filter(({ scenario }) => Number(scenario) > 0);
  const line = (name, pick) => ({
    name,
    data: points.map((result) => [Number(result.scenario), pick(result)]),
  });
  const cold = edits.results.find(({ scenario }) => scenario === "cold");
  const series = [
    line("after an edit", ({ wall }) => wall.median),
    line("cold", () => cold.wall.median),
  ];
  const title = `Time against the number of edited functions, of ${edits.functions} (${edits.name})`;
  return { name: "edits", title, option: lines("edited functions", "seconds", series) };
}

function growthPlot({ kind, what, points }) {
  const series = seriesOf(points, ({ wall }) => wall.median);
  const title = `Time against the number of ${what}`;
  return { name: `growth-${kind}`, title, option: lines(what, "seconds", series) };
}

function memoryPlot({ kind, what, points }) {
  const series = seriesOf(points, ({ peak }) => peak.median);
  const title = `Peak memory against the number of ${what}`;
  return { name: `memory-${kind}`, title, option: lines(what, "MB", series) };
}

function seriesOf(points, pick) {
  return points[0].results.map(({ scenario }, i) => ({
    name: scenario,
    data: points.map(({ size, results }) => [size, pick(results[i])]),
  }));
}

/** The contender that all plots show: finegrain on as many threads as the machine has cores. */
export const shown = ({ contender, startsFrom, counts }, machine) =>
  counts && startsFrom === "bitcode" && contender.startsWith(`finegrain, ${machine.cores} thread`);

function phasePlot(contests = []) {
  const rows = contests.flatMap(({ name, machine, results }) =>
    results
      .filter((result) => shown(result, machine) && !/cold|off/.test(result.scenario))
      .map(({ scenario, counts }) => ({ label: `${name}: ${scenario}`, phases: counts.phases })),
  );
  if (rows.length === 0) return undefined;
  const names = Object.keys(rows[0].phases).filter((name) => name !== "total");
  const option = {
    grid: { left: 230, right: 30, top: 45, bottom: 80 },
    xAxis: { ...axis("value", "milliseconds"), nameGap: 25 },
    yAxis: { type: "category", inverse: true, data: rows.map(({ label }) => label) },
    series: names.map((name) => ({
      ...{ type: "bar", stack: "phases", name },
      data: rows.map(({ phases }) => phases[name]),
    })),
  };
  return { name: "phases", title: "The phases of warm builds", option };
}

function hitPlot(contests = []) {
  const rows = contests.flatMap(({ name, machine, results }) =>
    results
      .filter((result) => shown(result, machine) && /edit|new/.test(result.scenario))
      .map(({ scenario, counts: { hits, lookups } }) => ({
        label: `${name}: ${scenario}`,
        rate: (100 * hits) / lookups,
      })),
  );
  if (rows.length === 0) return undefined;
  const option = {
    legend: { show: false },
    grid: { left: 230, right: 50, top: 45, bottom: 50 },
    xAxis: { ...axis("value", "% of units from the cache"), nameGap: 25, max: 100 },
    yAxis: { type: "category", inverse: true, data: rows.map(({ label }) => label) },
    series: [{ type: "bar", data: rows.map(({ rate }) => Math.round(rate * 10) / 10) }],
  };
  option.series[0].label = { show: true, position: "insideRight" };
  return { name: "hits", title: "Hit rate after edits", option };
}
