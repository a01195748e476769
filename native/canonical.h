// The canonical form of a body: neither names nor paths, the target's triple,
// unused declarations nor their order leave a trace in it.

#ifndef FINEGRAIN_CANONICAL_H
#define FINEGRAIN_CANONICAL_H

#include "steps.h"
#include "llvm/IR/Module.h"

namespace finegrain {

// Names of types say nothing to the optimiser. They belong to the context, so
// one call serves all units of a module.
void dropTypeNames(llvm::Module &M);

// Brings M, which holds one unit, into canonical form and writes it.
Unit canonicalize(llvm::Module &M);

} // namespace finegrain

#endif
