// The names of the types by which TBAA tells memory accesses apart. A type is
// what its name says and nothing else, so the names are numbered like those of
// symbols: one template over two types is then one body, and in a request for
// simplify() one type has one number, whoever brings it.

#ifndef FINEGRAIN_TBAA_H
#define FINEGRAIN_TBAA_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/IR/Module.h"
#include <string>

namespace finegrain {

// Gives every type that M's accesses name the name that NewName returns for its
// own. Asks in an order that M's code alone decides. The few names that mean
// something to LLVM, or that nearly every module has, stay.
void renameAccessTypes(
    llvm::Module &M, llvm::function_ref<std::string(llvm::StringRef)> NewName);

void dropAccessTypes(llvm::Module &M);

} // namespace finegrain

#endif
