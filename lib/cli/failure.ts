import { FinegrainError } from "../errors";

/** Exit status 1, or 2 for wrong usage; what is no FinegrainError is a bug, and thrown on. */
export function reportFailure(error: unknown): void {
  if (!(error instanceof FinegrainError)) throw error;
  process.stderr.write(`finegrain: error: ${error.message} [${error.code}]\n`);
  process.exitCode = error.code === "INVALID_OPTION" ? 2 : 1;
}
