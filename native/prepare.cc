#include "prepare.h"
#include "error.h"
#include "target.h"

using namespace llvm;

namespace finegrain {

// The module's own layout stands where it has one: frontends extend it, as
// Julia does with address spaces. What it may not do is contradict the target.
static Error setTarget(Module &M, const TargetMachine &TM) {
  M.setTargetTriple(TM.getTargetTriple());
  const DataLayout Wanted = TM.createDataLayout();
  const DataLayout &Own = M.getDataLayout();
  if (Own.isDefault()) {
    M.setDataLayout(Wanted);
    return Error::success();
  }
  if (Own.isLittleEndian() != Wanted.isLittleEndian() ||
      Own.getPointerSize() != Wanted.getPointerSize())
    return stepError("UNKNOWN_TARGET", "the module's data layout '" +
                                           Own.getStringRepresentation() +
                                           "' does not fit target '" +
                                           TM.getTargetTriple().str() + "'");
  return Error::success();
}

// Frontends write a CPU and features into every function, and code generation
// asks there first. The CPU asked for takes the place of theirs. Features are
// only added: a function may rely on those that it was compiled with.
static void setProcessor(Module &M, const EmitOptions &Options) {
  for (Function &F : M) {
    if (!Options.CPU.empty() && F.hasFnAttribute("target-cpu")) {
      F.addFnAttr("target-cpu", Options.CPU);
      F.removeFnAttr("tune-cpu");
    }
    if (!Options.Features.empty() && F.hasFnAttribute("target-features")) {
      StringRef Own = F.getFnAttribute("target-features").getValueAsString();
      std::string Added = Options.Features + ",";
      if (!Own.starts_with(Added)) // by the step before
        F.addFnAttr("target-features", (Added + Own).str());
    }
  }
}

static Error prepare(Module &M, const TargetMachine &TM,
                     const EmitOptions &Options, bool IsVerified) {
  if (Error E = setTarget(M, TM))
    return E;
  setProcessor(M, Options);
  if (!IsVerified)
    if (Error E = verify(M))
      return E;
  dropUnknownProcessors(M, TM);
  return Error::success();
}

PreparedBody::PreparedBody(const EmitOptions &Options)
    : Options(Options), Problems(Context) {
  Context.setDiscardValueNames(true);
}

Expected<std::unique_ptr<PreparedBody>>
PreparedBody::open(StringRef Bitcode, const EmitOptions &Options,
                   bool IsVerified) {
  std::unique_ptr<PreparedBody> Body(new PreparedBody(Options));
  if (Error E = parseModule(Bitcode, Body->Context).moveInto(Body->M))
    return E;
  if (Error E =
          CodeGenerator::take(Options, *Body->M).moveInto(Body->Generator))
    return E;
  if (Error E =
          prepare(*Body->M, Body->Generator->target(), Options, IsVerified))
    return E;
  return Body;
}

Expected<std::unique_ptr<Module>> PreparedBody::openOther(StringRef Bitcode) {
  Expected<std::unique_ptr<Module>> Other = parseModule(Bitcode, Context);
  if (!Other)
    return Other.takeError();
  if (Error E =
          prepare(**Other, Generator->target(), Options, /*IsVerified=*/true))
    return E;
  return Other;
}

Error PreparedBody::finish() {
  if (Problems.hasErrors())
    return stepError("CODEGEN_FAILED", Problems.text().rtrim());
  CodeGenerator::keep(std::move(Generator));
  return Error::success();
}

} // namespace finegrain
