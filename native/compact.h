// Bitcode without the tables that LLVM writes into every module.

#ifndef FINEGRAIN_COMPACT_H
#define FINEGRAIN_COMPACT_H

#include "steps.h"
#include "llvm/IR/Module.h"

namespace finegrain {

// What writeModule() writes, but shorter. LLVM reads it like any other.
Bytes writeCompactModule(const llvm::Module &M);

} // namespace finegrain

#endif
