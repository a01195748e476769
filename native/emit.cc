// Optimises a body and generates its code.

#include "codegen.h"
#include "error.h"
#include "module_io.h"
#include "names.h"
#include "steps.h"
#include "target.h"
#include "llvm/IR/DebugInfo.h"
#include "llvm/IR/Verifier.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace finegrain {

static Error verify(const Module &M) {
  std::string Message;
  raw_string_ostream OS(Message);
  if (verifyModule(M, &OS))
    return stepError("INVALID_INPUT", StringRef(Message).rtrim());
  return Error::success();
}

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
      F.addFnAttr("target-features", (Options.Features + "," + Own).str());
    }
  }
}

static Error optimize(Module &M, TargetMachine &TM,
                      const EmitOptions &Options) {
  PipelineTuningOptions Tuning;
  Tuning.LoopVectorization = Options.Vectorize;
  Tuning.SLPVectorization = Options.Vectorize;
  LoopAnalysisManager LAM;
  FunctionAnalysisManager FAM;
  CGSCCAnalysisManager CGAM;
  ModuleAnalysisManager MAM;
  PassBuilder Builder(&TM, Tuning);
  // As clang does: debug information then follows variables that are split up.
  Builder.registerPipelineStartEPCallback(
      [](ModulePassManager &Passes, OptimizationLevel Level) {
        if (Level != OptimizationLevel::O0)
          Passes.addPass(AssignmentTrackingPass());
      });
  Builder.registerModuleAnalyses(MAM);
  Builder.registerCGSCCAnalyses(CGAM);
  Builder.registerFunctionAnalyses(FAM);
  Builder.registerLoopAnalyses(LAM);
  Builder.crossRegisterProxies(LAM, FAM, CGAM, MAM);
  ModulePassManager Passes;
  if (Error E = Builder.parsePassPipeline(Passes, Options.Pipeline))
    return stepError("INVALID_OPTION", std::move(E));
  Passes.run(M, MAM);
  return Error::success();
}

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
  if (Error E = setTarget(M, TM))
    return E;
  setProcessor(M, Options);
  if (Error E = verify(M))
    return E;
  dropUnknownProcessors(M, TM);
  if (!Options.Pipeline.empty())
    if (Error E = optimize(M, TM, Options))
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
