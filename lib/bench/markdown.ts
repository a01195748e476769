/** Results as tables. */

import type { Machine } from "./machine";
import type { Absent } from "./peers";
import type { Failure, Result } from "./run";
import type { Summary } from "./statistics";

export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(header), `|${"---|".repeat(header.length)}`, ...rows.map(line)].join("\n");
}

/** One row a contender in each scenario. */
export function resultTable(results: readonly Result[], baseline: string): string {
  const hasSources = results.some(({ startsFrom }) => startsFrom === "source");
  const from = (text: string) => (hasSources ? [text] : []);
  const header = [
    "",
    "",
    ...from("from"),
    "wall s",
    `÷ ${baseline}`,
    "spread",
    "CPU s",
    `÷ ${baseline}`,
    "peak MB",
  ];
  return table(
    [...header, "hits", "checked"],
    results.map((result, i) => {
      const { scenario, contender, startsFrom, wall, cpu, peak, ratio, counts, checked } = result;
      return [
        results[i - 1]?.scenario === scenario ? "" : scenario,
        contender,
        ...from(startsFrom),
        seconds(wall.median),
        ratioText(ratio?.wall),
        spread(wall),
        seconds(cpu.median),
        ratioText(ratio?.cpu),
        peak.median.toFixed(0),
        counts && counts.lookups > 0 ? `${counts.hits}/${counts.lookups}` : "–",
        checked,
      ];
    }),
  );
}

/** The phases of finegrain's builds, in milliseconds. */
export function phaseTable(results: readonly Result[]): string {
  const own = results.filter(({ counts, startsFrom }) => counts && startsFrom === "bitcode");
  const phases = Object.keys(own[0]?.counts?.phases ?? {});
  return table(
    ["", "", ...phases],
    own.map(({ scenario, contender, counts }, i) => [
      own[i - 1]?.scenario === scenario ? "" : scenario,
      contender,
      ...phases.map((phase) => counts!.phases[phase]!.toFixed(1)),
    ]),
  );
}

export function absentLines(absent: readonly Absent[], failures: readonly Failure[]): string {
  return [
    ...absent.map(({ name, reason }) => `- ${name}: not measured, ${reason}`),
    ...failures.map(
      ({ contender, message }) => `- ${contender}: failed, ${message.split("\n")[0]}`,
    ),
  ].join("\n");
}

export function machineLines({ cpu, cores, memory, system, load, versions }: Machine): string {
  const names = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return `${cpu}, ${cores} cores, ${memory} GB; ${system}; load ${load} at the start.\n${names.join(", ")}.`;
}

export function seconds(value: number): string {
  return value < 10 ? value.toFixed(3) : value.toFixed(2);
}

function ratioText(ratio: number | undefined): string {
  return ratio === undefined ? "–" : ratio.toPrecision(3);
}

/** The slowest over the fastest. */
export function spread({ min, max }: Summary): string {
  return min > 0 ? (max / min).toFixed(2) : "–";
}
