/** From what the user asks for to what emit is told. */

import { FinegrainError } from "./errors";
import type { EmitOptions, UnitKind } from "./native";
import { native } from "./native";
import type { Level } from "./options";

const codegenLevels: Record<Level, number> = { O0: 0, O1: 1, O2: 2, O3: 3, Os: 2, Oz: 2 };

/** clang runs the vectorisers at these levels. */
const vectorizingLevels: Level[] = ["O2", "O3", "Os"];

export interface CodeOptions {
  level: Level;
  codegenOnly: boolean;
  cpu: string;
  features: string;
}

/** Whether functions that are units are optimised one by one, with what they call. */
export function isSimplified({ level, codegenOnly }: CodeOptions): boolean {
  return !codegenOnly && level !== "O0";
}

/** What the steps are told. */
export interface StepOptions {
  simplify: EmitOptions;
  /** For what has been simplified, and for data. */
  emitSimplified: EmitOptions;
  /** For the rest. */
  emit: EmitOptions;
}

export function stepOptions(options: CodeOptions, triple: string, kind: UnitKind): StepOptions {
  const { level } = options;
  const emit = emitOptions(options, triple, kind);
  return {
    simplify: {
      ...emit,
      kind: "simplified",
      pipeline: `early-simplify<${level}>|inline-simplify<${level}>`,
    },
    emitSimplified: { ...emit, pipeline: `coro-cleanup,optimize<${level}>` },
    emit,
  };
}

export function emitOptions(options: CodeOptions, triple: string, kind: UnitKind): EmitOptions {
  const { level, codegenOnly } = options;
  return {
    triple,
    cpu: options.cpu,
    features: options.features,
    pipeline: codegenOnly ? "" : `default<${level}>`,
    vectorize: !codegenOnly && vectorizingLevels.includes(level),
    codegenLevel: codegenLevels[level],
    relocationModel: "pic",
    codeModel: "",
    kind,
  };
}

/** One build makes code for one target: the one asked for, or the inputs' own. */
export function commonTriple(
  modules: readonly { name: string; triple: string }[],
  asked?: string,
): string {
  if (asked !== undefined) return asked;
  const first = modules.find(({ triple }) => triple !== "");
  if (!first) return native.host().triple;
  for (const { name, triple } of modules) {
    if (triple !== "" && triple !== first.triple)
      throw new FinegrainError(
        "INPUTS_DISAGREE",
        `its target is ${triple}, that of ${first.name} is ${first.triple}; ` +
          "name one with the option target",
        { input: name },
      );
  }
  return first.triple;
}
