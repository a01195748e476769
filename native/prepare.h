// What every step does with a body before it runs passes on it.

#ifndef FINEGRAIN_PREPARE_H
#define FINEGRAIN_PREPARE_H

#include "steps.h"
#include "llvm/IR/Module.h"
#include "llvm/Target/TargetMachine.h"

namespace finegrain {

// Checks M, and gives it and its functions the target that Options ask for.
llvm::Error prepare(llvm::Module &M, const llvm::TargetMachine &TM,
                    const EmitOptions &Options);

} // namespace finegrain

#endif
