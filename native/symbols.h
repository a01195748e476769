// What a unit defines and what it refers to: a word of flags for each symbol.
// The call graph, what is inlined where and what is live follow from them, and
// no later step has to read a body for it.

#ifndef FINEGRAIN_SYMBOLS_H
#define FINEGRAIN_SYMBOLS_H

#include "steps.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/IR/Module.h"

namespace finegrain {

// lib/symbols.ts has the same list.
enum SymbolFlags : uint32_t {
  SF_Shared = 1 << 0, // other units know it by its link name
  SF_Defined = 1 << 1,
  SF_Function = 1 << 2,
  SF_Internal = 1 << 3,     // of its module, and visible to its units only
  SF_Discardable = 1 << 4,  // may go where nobody refers to it
  SF_Interposable = 1 << 5, // another definition may take its place
  SF_OneOfMany = 1 << 6,    // several inputs may define it, all alike
  SF_ImportOnly = 1 << 7,   // to be inlined, never to be emitted
  SF_AlwaysInline = 1 << 8,
  SF_Referenced = 1 << 9,  // other than by calling it
  SF_AccessType = 1 << 10, // no symbol: see tbaa.h
  SF_NoInline = 1 << 11,
  SF_CallShift = 16, // from here on: how often it is called
};

using SymbolFacts = llvm::DenseMap<const llvm::GlobalValue *, uint32_t>;

// The flags that follow from a definition's linkage and attributes.
uint32_t definitionFlags(const llvm::GlobalValue &Global);

// Fills in KeptNames and Symbols of the unit that M is and that has its local
// names. Facts has the flags of
// definitions whose linkage in M is not their own.
void describeSymbols(const llvm::Module &M, const SymbolFacts &Facts, Unit &U);

} // namespace finegrain

#endif
