// Runs pass pipelines on one module, as clang does.
//
// LLVM's own -O2 is one walk over a module's call graph. Here the walk is done
// outside, a function at a time, so the pipeline is cut in three: see
// optimizer.cc for the names of the pieces.

#ifndef FINEGRAIN_OPTIMIZER_H
#define FINEGRAIN_OPTIMIZER_H

#include "llvm/Passes/PassBuilder.h"
#include "llvm/Passes/StandardInstrumentations.h"
#include "llvm/Target/TargetMachine.h"

namespace finegrain {

// LLVM's attribute for the cost up to which calls of a function are inlined.
inline constexpr llvm::StringLiteral InlineThresholdName =
    "function-inline-threshold";

class Optimizer {
public:
  Optimizer(llvm::TargetMachine &TM, bool Vectorize);

  // Pipeline is LLVM's text for one.
  llvm::Error run(llvm::Module &M, llvm::StringRef Pipeline);

  // Forgets what it knows of the module, which was changed by others.
  void forget();

private:
  llvm::PassInstrumentationCallbacks Callbacks;
  llvm::OptNoneInstrumentation OptNone;
  llvm::LoopAnalysisManager LAM;
  llvm::FunctionAnalysisManager FAM;
  llvm::CGSCCAnalysisManager CGAM;
  llvm::ModuleAnalysisManager MAM;
  llvm::PassBuilder Builder;
};

} // namespace finegrain

#endif
