// Optimises a body and generates its code.

#include "codegen.h"
#include "error.h"
#include "module_io.h"
#include "names.h"
#include "optimizer.h"
#include "prepare.h"
#include "steps.h"
#include "target.h"

using namespace llvm;

namespace finegrain {

static Expected<Bytes> emitBody(StringRef Body, const EmitOptions &Options,
                                StringRef LinkNames) {
  LLVMContext Context;
  Context.setDiscardValueNames(true);
  Diagnostics Problems(Context);
  Expected<std::unique_ptr<Module>> Parsed = parseModule(Body, Context);
  if (!Parsed)
    return Parsed.takeError();
  Module &M = **Parsed;

  Expected<std::unique_ptr<CodeGenerator>> Generator =
      CodeGenerator::take(Options, M);
  if (!Generator)
    return Generator.takeError();
  TargetMachine &TM = (*Generator)->target();
  if (Error E = prepare(M, TM, Options))
    return E;
  if (!Options.Pipeline.empty())
    if (Error E = Optimizer(TM, Options.Vectorize).run(M, Options.Pipeline))
      return E;

  // Text holds names, so they are put in before it is written. Objects get
  // theirs later, from the rename step.
  if (Options.Kind != Output::Object)
    restoreLinkNames(M, LinkNames);
  Expected<Bytes> Result = Options.Kind == Output::Bitcode
                               ? Expected<Bytes>(writeModule(M))
                               : (*Generator)->run(M);
  if (!Result)
    return Result;
  if (Problems.hasErrors())
    return stepError("CODEGEN_FAILED", Problems.text().rtrim());
  CodeGenerator::keep(std::move(*Generator));
  return Result;
}

Expected<Bytes> emit(StringRef Body, const EmitOptions &Options) {
  StringRef LinkNames(Options.LinkNames.data(), Options.LinkNames.size());
  Expected<Bytes> Result = emitBody(Body, Options, LinkNames);
  if (Result)
    return Result;
  // LLVM speaks of the body's symbols; the user knows them by link name.
  return handleErrors(Result.takeError(), [&](const StepError &E) -> Error {
    std::string Text;
    bool HasNames = LinkNameTable(LinkNames).restore(E.text(), Text);
    return stepError(E.code(), HasNames ? Text : E.text());
  });
}

} // namespace finegrain
