// Moves the members of a group out of their module into one of their own.

#ifndef FINEGRAIN_EXTRACT_H
#define FINEGRAIN_EXTRACT_H

#include "partition.h"
#include "preinline.h"
#include "symbols.h"
#include "llvm/Support/Error.h"
#include <memory>

namespace finegrain {

struct Extraction {
  std::unique_ptr<llvm::Module> Unit;
  SymbolFacts Facts; // of its definitions, as they were in their module
  std::vector<const llvm::Function *> Loaded;     // whose bodies it depends on
  std::vector<const llvm::Function *> Referenced; // by its members
  // What was found in the bodies that forbids splitting the module, if
  // anything.
  std::string WholeReason;
};

struct ExtractOptions {
  // Put behind the names of internal symbols, which become hidden ones; no
  // other module has it.
  std::string Suffix;
  // Code generation does not use it, and it makes up a third of a unit.
  bool KeepTypeAliasing = true;
  // Inlines into the group's functions, if anything is to be.
  PreInliner *Inliner = nullptr;
  // Copies functions that must be inlined into the units that call them.
  bool ImportAlwaysInlined = true;
};

// What units of the module call the symbol, with that suffix for internal ones.
std::string nameInUnits(const llvm::GlobalValue &Global,
                        llvm::StringRef Suffix);

// Loads the group's functions and takes their bodies away from M.
llvm::Expected<Extraction> extract(llvm::Module &M, const Group &G,
                                   const ExtractOptions &Options);

} // namespace finegrain

#endif
