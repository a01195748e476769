// Decides which symbols of a module share a unit: one function with what must
// stay beside it, and one unit for the module's data.

#ifndef FINEGRAIN_PARTITION_H
#define FINEGRAIN_PARTITION_H

#include "llvm/IR/Module.h"
#include <string>
#include <vector>

namespace finegrain {

struct Group {
  std::vector<llvm::GlobalValue *> Members; // definitions, in module order
  // Those that llvm.used and llvm.compiler.used name.
  std::vector<llvm::GlobalValue *> Used, CompilerUsed;
  bool HasModuleAsm = false;
  bool HasLinkerOptions = false; // what the module asks of the linker
};

struct Partition {
  std::vector<Group> Groups; // by first function, then assembly, data last
  std::string WholeReason;   // why the module must stay whole, if it must
};

// The named metadata that code generation turns into requests to the linker.
extern const llvm::ArrayRef<llvm::StringLiteral> LinkerOptionNames;

// The attributes whose value is the name of a symbol.
extern const llvm::ArrayRef<llvm::StringLiteral> SymbolAttributes;

// Needs no function bodies: M may be lazily loaded. With ImportOnly, functions
// that are defined for inlining alone are in groups of their own.
Partition partition(llvm::Module &M, bool ImportOnly);

// Whether each unit that uses Variable gets a copy: a small constant whose
// address means nothing.
bool isCopiedIntoUnits(const llvm::GlobalVariable &Variable);

// Whether Text names a symbol of M that other units cannot see, and so would
// lose it if it moved elsewhere. Returns that symbol's name, else "".
llvm::StringRef internalNameIn(llvm::StringRef Text, const llvm::Module &M);

} // namespace finegrain

#endif
