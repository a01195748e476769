/** `finegrain cache stats|prune|verify|clear`. */

import { Command } from "commander";
import { FinegrainError } from "../errors";
import { defaultCache } from "../options";
import type { GuardedStore } from "../store/guarded";
import { type OpenedStore, openTiers } from "../store/open";
import type { Verification } from "../store/store";
import { TieredStore } from "../store/tiered";
import { reportFailure } from "./failure";

const actions = {
  stats: "show what the cache holds and what it has done so far",
  prune: "bring the cache to its limits now",
  verify: "read every entry and remove those that are damaged",
  clear: "remove all entries",
} as const;
type Action = keyof typeof actions;

interface Flags {
  cache?: string;
  json?: true;
  dryRun?: boolean;
}

/** What one store had to say. */
interface Answer {
  url: string;
  [field: string]: unknown;
}

export function cacheCommand(): Command {
  const command = new Command("cache").description("look after the cache");
  for (const [name, description] of Object.entries(actions) as [Action, string][]) {
    const action = new Command(name)
      .description(description)
      .option("--cache <place>", "folder or URL of the cache")
      .option("--json", "print one JSON object");
    if (name !== "stats") action.option("--dry-run", "only say what would be done");
    command.addCommand(action.action((flags: Flags) => run(name, flags)));
  }
  return command;
}

async function run(action: Action, { cache, json, dryRun = false }: Flags): Promise<void> {
  try {
    const place = cache ?? defaultCache();
    if (place === "off") throw new FinegrainError("INVALID_OPTION", "cache: it is off");
    const answers = await ask(openTiers(place), action, dryRun);
    process.stdout.write(json ? `${JSON.stringify({ stores: answers })}\n` : textOf(answers));
  } catch (error) {
    reportFailure(error);
  }
}

async function ask(opened: OpenedStore, action: Action, dryRun: boolean): Promise<Answer[]> {
  const answers: Answer[] = [];
  try {
    for (const store of opened instanceof TieredStore ? opened.tiers : [opened])
      answers.push({ url: store.url, ...(await askOne(store, action, dryRun)) });
  } finally {
    await opened.close();
  }
  return answers;
}

async function askOne(store: GuardedStore, action: Action, dryRun: boolean): Promise<object> {
  const method = store[action];
  if (!method) return { unsupported: true };
  try {
    return { ...(await method({ dryRun })), ...(dryRun && { dryRun }) };
  } catch (error) {
    throw new FinegrainError("STORE_FAILED", `${store.url}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

function textOf(answers: Answer[]): string {
  return answers.map(({ url, ...fields }) => `${url}\n${linesOf(fields, "  ")}`).join("");
}

/** One line for each number, the names those of --json. */
function linesOf(fields: object, indent: string): string {
  return Object.entries(fields)
    .map(([name, value]) => {
      if (name === "steps") return linesOf(timesOf(value), indent);
      if (typeof value === "object") return `${indent}${name}\n${linesOf(value, `${indent}  `)}`;
      return `${indent}${name.padEnd(16)} ${value}\n`;
    })
    .join("");
}

function timesOf(steps: Verification["steps"]): Record<string, string> {
  return Object.fromEntries(steps.map(({ name, ms }) => [name, `${ms} ms`]));
}
