import { fileURLToPath } from "node:url";
import { FinegrainError } from "../errors";
import { FileStore } from "./file";
import type { Store } from "./store";

/** Opens the store that `location` names: a folder, or a `file:` URL. */
export function openStore(location: string): Store {
  if (location.startsWith("file:")) return new FileStore(fileURLToPath(location));
  if (/^[a-z][a-z0-9+.-]+:/i.test(location))
    throw new FinegrainError("INVALID_OPTION", `cache: no store for URLs like ${location}`);
  return new FileStore(location);
}
