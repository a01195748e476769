/** What measures builds: for bench/, which sees dist/ alone. */

export { readInput } from "../inputs";
export { native } from "../native";
export { functionsIn, StateWriter } from "./bitcode";
export { CacheFolder, outputIn } from "./contender";
export { machine } from "./machine";
export * from "./markdown";
export { measure, one } from "./measure";
export { Finegrain } from "./own";
export { bitcodePeers, clangCommand, FileByFile, optAndLlcCommand } from "./peers";
export { figuresOf, inTurn } from "./rounds";
export { runContest } from "./run";
export { fittedExponent, median, summaryOf } from "./statistics";
export { findTool } from "./tools";
