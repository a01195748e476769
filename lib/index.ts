/** The whole public API. */

export { build } from "./build";
export { compile, type SplitUnit, split } from "./compile";
export { type ErrorCode, FinegrainError } from "./errors";
export { Image } from "./image";
export type { BuildOptions, CompileOptions, Emit, Input, Level, ProgressEvent } from "./options";
export type { BuildReport, CacheReport } from "./report";
export { openStore } from "./store/open";
export type {
  Entry,
  Lookup,
  MaintenanceOptions,
  PartNames,
  Parts,
  PutResult,
  Removal,
  Store,
  StoreCounts,
  StoreStats,
  StoreTotals,
  Verification,
} from "./store/store";
