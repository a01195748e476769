// Tells whether a function gives the unit that it gave in an earlier version of
// its module, where nothing is left of that version but a digest.
//
// Bitcode numbers a module's types, constants, symbols and metadata, so a new
// string changes the bytes of all functions (blocks.cc). Once they are loaded,
// such things are pointers. A fingerprint is a digest of a unit's functions and
// all they refer to, in the order in which they do. Digests of the finished
// units would be simpler, but most of the time of splitting goes into taking
// them out and writing them.
//
// What is left out is a wrong unit, one too much costs a unit made in vain:
// what this code does not understand has no fingerprint, and is always made
// anew.

#ifndef FINEGRAIN_FINGERPRINT_H
#define FINEGRAIN_FINGERPRINT_H

#include "listing.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/IR/Module.h"
#include <optional>
#include <string>

namespace finegrain {

class Fingerprints {
public:
  // Small: the functions that callers may take code of. See preinline.h.
  Fingerprints(const llvm::Module &M,
               const llvm::DenseSet<const llvm::Function *> &Small);

  // To be called before F is changed, where of() is called afterwards.
  void note(const llvm::Function &F);

  // Of the unit that is made from these functions, in hex. Empty where there is
  // none.
  std::string of(llvm::ArrayRef<const llvm::Function *> Functions);

  static constexpr size_t Size = 32; // digits

private:
  class Digester;

  // Whether Text names an internal symbol of the module.
  bool namesInternal(llvm::StringRef Text);

  const llvm::Module &M;
  const llvm::DenseSet<const llvm::Function *> &Small;
  // Digest of what all units have from the module, once it is asked for: the
  // module must have been verified. Empty where there is none.
  std::optional<std::string> Frame;
  llvm::DenseMap<const llvm::Function *, Listing> Noted;
  llvm::StringMap<bool> InternalNames;
};

} // namespace finegrain

#endif
