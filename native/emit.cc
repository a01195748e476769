// Optimises a body and generates its code.

#include "codegen.h"
#include "error.h"
#include "module_io.h"
#include "names.h"
#include "prepare.h"
#include "steps.h"
#include "target.h"

using namespace llvm;

namespace finegrain {

static Expected<Bytes> emitBody(const EmitRequest &Request,
                                const EmitOptions &Options) {
  Expected<std::unique_ptr<PreparedBody>> Prepared =
      PreparedBody::open(Request.Body, Options);
  if (!Prepared)
    return Prepared.takeError();
  Module &M = (*Prepared)->module();
  CodeGenerator &Generator = (*Prepared)->generator();
  if (!Options.Pipeline.empty())
    if (Error E = Generator.optimizer().run(M, Options.Pipeline))
      return E;

  // Text holds names, so they are put in before it is written. Objects get
  // theirs later, from the rename step.
  if (Options.Kind != Output::Object)
    restoreLinkNames(M, Request.LinkNames);
  Expected<Bytes> Result = Options.Kind == Output::Bitcode
                               ? Expected<Bytes>(writeModule(M))
                               : Generator.run(M);
  if (!Result)
    return Result;
  if (Error E = (*Prepared)->finish())
    return E;
  return Result;
}

Expected<Bytes> emit(const EmitRequest &Request, const EmitOptions &Options) {
  Expected<Bytes> Result = emitBody(Request, Options);
  if (Result)
    return Result;
  // LLVM speaks of the body's symbols; the user knows them by link name.
  return handleErrors(Result.takeError(), [&](const StepError &E) -> Error {
    std::string Text;
    bool HasNames = LinkNameTable(Request.LinkNames).restore(E.text(), Text);
    return stepError(E.code(), HasNames ? Text : E.text());
  });
}

} // namespace finegrain
