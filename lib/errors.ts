/** Every way in which finegrain can fail. docs/errors.md says what to do about each. */
const errorCodes = [
  "ABORTED",
  "ADDON_NOT_FOUND",
  "ARCHIVE_FAILED",
  "BENCHMARK_FAILED",
  "CODEGEN_FAILED",
  "IMAGE_CLOSED",
  "IMAGE_TARGET",
  "IMAGE_VERSION",
  "INPUTS_DISAGREE",
  "INTERNAL",
  "INVALID_IMAGE",
  "INVALID_INPUT",
  "INVALID_OBJECT",
  "INVALID_OPTION",
  "LINK_FAILED",
  "LLVM_FATAL",
  "MISSING_PACKAGE",
  "MISSING_RUNTIME",
  "OUTPUT_FAILED",
  "STORE_FAILED",
  "UNKNOWN_TARGET",
  "UNREADABLE_INPUT",
] as const;

export type ErrorCode = (typeof errorCodes)[number];

export interface FinegrainErrorOptions {
  /** Name of the input that the error is about. */
  input?: string;
  cause?: unknown;
}

/** The one error class of this package. */
export class FinegrainError extends Error {
  override readonly name = "FinegrainError";
  readonly code: ErrorCode;
  readonly input: string | undefined;

  constructor(code: ErrorCode, message: string, options: FinegrainErrorOptions = {}) {
    super(options.input === undefined ? message : `${options.input}: ${message}`, {
      cause: options.cause,
    });
    this.code = code;
    this.input = options.input;
  }

  /** Gives any thrown value this class; one that has it stays as it is. */
  static from(error: unknown, input?: string): FinegrainError {
    if (error instanceof FinegrainError) return error;
    const { code, message } = error as { code?: unknown; message?: string };
    const own = errorCodes.find((known) => known === code);
    return new FinegrainError(own ?? "INTERNAL", message ?? String(error), { input, cause: error });
  }
}
