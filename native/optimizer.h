// Runs pass pipelines on one module, as clang does.
//
// LLVM's own -O2 is one walk over a module's call graph. Here the walk is done
// outside, a function at a time, so the pipeline is cut in three: see
// optimizer.cc for the names of the pieces. For a small function, setting up
// the passes takes longer than running them, so one Optimizer serves many
// modules.

#ifndef FINEGRAIN_OPTIMIZER_H
#define FINEGRAIN_OPTIMIZER_H

#include "llvm/ADT/StringMap.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Passes/StandardInstrumentations.h"
#include "llvm/Target/TargetMachine.h"

namespace finegrain {

class Optimizer {
public:
  Optimizer(llvm::TargetMachine &TM, bool Vectorize);

  // Pipeline is LLVM's text for one. What was learned of M is forgotten
  // afterwards, since others will change it.
  llvm::Error run(llvm::Module &M, llvm::StringRef Pipeline);

private:
  void forget();

  llvm::PassInstrumentationCallbacks Callbacks;
  llvm::OptNoneInstrumentation OptNone;
  llvm::LoopAnalysisManager LAM;
  llvm::FunctionAnalysisManager FAM;
  llvm::CGSCCAnalysisManager CGAM;
  llvm::ModuleAnalysisManager MAM;
  llvm::PassBuilder Builder;
  llvm::StringMap<llvm::ModulePassManager> Pipelines; // by their text
};

} // namespace finegrain

#endif
