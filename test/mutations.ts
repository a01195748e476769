/** Changes a word or two of textual IR at random. Most of what comes out is not valid. */

import type { Random } from "./random";

const flags = [
  ...[
    "nsw",
    "nuw",
    "exact",
    "disjoint",
    "inbounds",
    "volatile",
    "fast",
    "tail",
    "nneg",
    "samesign",
  ],
  ...["noundef", "nonnull", "signext", "zeroext", "inreg", "noalias", "noinline", "alwaysinline"],
  ...["hidden", "internal", "unnamed_addr", "dso_local", "fastcc", "cold", "minsize", "optnone"],
];
const operations = [
  ...[
    "eq",
    "ne",
    "slt",
    "sgt",
    "ult",
    "uge",
    "olt",
    "une",
    "add",
    "sub",
    "mul",
    "and",
    "or",
    "xor",
  ],
  ...["shl", "lshr", "ashr", "zext", "sext", "trunc", "i8", "i16", "i32", "i64", "ptr", "float"],
  ...["monotonic", "acquire", "release", "acq_rel", "seq_cst"],
];

export function mutated(text: string, random: Random): string {
  const lines = text.split("\n");
  for (let left = 1 + random.below(2); left > 0; left--) {
    const at = random.below(lines.length);
    const words = wordsOf(lines[at]!);
    if (words.length > 0) lines[at] = withChange(words, lines, random);
  }
  return lines.join("\n");
}

/** With the blanks behind them. */
function wordsOf(line: string): string[] {
  return line.match(/("[^"]*"|[%@!#$]?[\w.]+|\S)\s*/g) ?? [];
}

function withChange(words: string[], lines: readonly string[], random: Random): string {
  const pick = <T>(list: readonly T[]): T => list[random.below(list.length)]!;
  const at = random.below(words.length);
  const word = words[at]!;
  const number = /^([%@!#]?)(\d+)(\s*)$/.exec(word);
  switch (random.below(7)) {
    case 0:
    case 1:
      if (number) words[at] = number[1]! + (Number(number[2]) + random.below(9)) + number[3];
      else words[at] = `${pick(operations)} `;
      break;
    case 2:
      words[at] = "";
      break;
    case 3:
      words.splice(at, 0, `${pick(flags)} `);
      break;
    case 4: {
      const other = random.below(words.length);
      [words[at], words[other]] = [words[other]!, word];
      break;
    }
    case 5: {
      const others = wordsOf(pick(lines)).filter((other) => other[0] === word[0]);
      if (others.length > 0) words[at] = pick(others);
      break;
    }
    default:
      return `${words.join("")}\n${words.join("")}`;
  }
  return words.join("");
}
