// Moves the members of a group out of their module into one of their own.

#ifndef FINEGRAIN_EXTRACT_H
#define FINEGRAIN_EXTRACT_H

#include "partition.h"
#include "llvm/Support/Error.h"
#include <memory>

namespace finegrain {

struct Extraction {
  std::unique_ptr<llvm::Module> Unit;
  // What was found in the bodies that forbids splitting the module, if
  // anything.
  std::string WholeReason;
};

// Loads the group's functions and takes their bodies away from M. Internal
// symbols become hidden ones with Suffix on their names, which no other module
// has. Without KeepTypeAliasing, TBAA is dropped: code generation does not use
// it, and it makes up a third of a unit.
llvm::Expected<Extraction> extract(llvm::Module &M, const Group &G,
                                   llvm::StringRef Suffix,
                                   bool KeepTypeAliasing);

} // namespace finegrain

#endif
