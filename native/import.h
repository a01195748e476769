// Brings functions of other units into a module, to be inlined there.

#ifndef FINEGRAIN_IMPORT_H
#define FINEGRAIN_IMPORT_H

#include "steps.h"
#include "llvm/IR/Module.h"

namespace finegrain {

// Gives M's declarations of what is imported a body, and returns the functions
// that got one. They are available_externally. What does not fit M is left out.
llvm::Expected<std::vector<llvm::Function *>>
importFunctions(llvm::Module &M, const Import &From);

// Takes back what importFunctions() did, as far as it is still there.
void dropImported(llvm::Module &M, llvm::ArrayRef<std::string> Names);

// Moves the member's function from its unit, Source, to M, where it is free to
// go once it has been inlined.
void moveMember(llvm::Module &M, llvm::Module &Source, const Member &Moved);

// Makes the member's function, if it is still there, visible to other units:
// they get to know it where they inline M's own.
void keepMember(llvm::Module &M, const Member &Moved);

} // namespace finegrain

#endif
