// The canonical form of a body: neither names nor paths, the target's triple,
// unused declarations nor their order leave a trace in it.

#ifndef FINEGRAIN_CANONICAL_H
#define FINEGRAIN_CANONICAL_H

#include "symbols.h"
#include "llvm/IR/Module.h"

namespace finegrain {

// Names of types say nothing to the optimiser. They belong to the context, so
// one call serves all units of a module.
void dropTypeNames(llvm::Module &M);

// Brings M, which holds one unit, into canonical form and writes it. With
// Again, M has been in canonical form before; the unit's link names are then
// the names that its symbols had there.
Unit canonicalize(llvm::Module &M, const SymbolFacts &Facts = SymbolFacts(),
                  bool Again = false);

} // namespace finegrain

#endif
