// What the callers of a function are told of it: attributes, and a size.

#ifndef FINEGRAIN_SUMMARY_H
#define FINEGRAIN_SUMMARY_H

#include "llvm/IR/Function.h"
#include <string>

namespace finegrain {

// The attributes of F that its code proves, as text; "" where another
// definition may be the one that runs.
std::string provenAttributes(const llvm::Function &F);

// Adds to the declaration F what provenAttributes() told of its definition.
void addProvenAttributes(llvm::Function &F, llvm::StringRef Text);

// About F's number of instructions, as the inliner sees it; 0 where it cannot
// be inlined into other units.
unsigned importSize(llvm::Function &F);

} // namespace finegrain

#endif
