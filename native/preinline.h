// Inlines a module's smallest functions where they are called, and turns local
// variables into values, before the module is taken apart.
//
// What frontends write for C++ is full of functions that only hand on their
// arguments. As a unit, such a function is read, keyed, looked up, simplified,
// and read again by each caller; inlining it takes a few microseconds. LLVM
// would inline it anyway: its code is hardly larger than a call.
//
// So a unit may depend on the bodies of other functions. Which of them may be
// small enough is known from the bitcode, so that no others need be loaded, and
// an edit in a large function concerns that function's unit alone.

#ifndef FINEGRAIN_PREINLINE_H
#define FINEGRAIN_PREINLINE_H

#include "fingerprint.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/IR/InstrTypes.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/Error.h"
#include <memory>

namespace finegrain {

// Whether the body of a function whose block of bitcode has this many bytes is
// looked at where the function is called.
bool isSmallBlock(size_t Size);

class PreInliner {
public:
  // M may be lazily loaded. Small has the functions whose blocks are small.
  // Prints may be null.
  PreInliner(const llvm::DenseSet<const llvm::Function *> &Small,
             Fingerprints *Prints);
  ~PreInliner();

  // Loads F and the functions on whose bodies the outcome of run() depends.
  // Returns them, F first. Whatever functions were done before, they are the
  // same. Of small functions, what they were goes into the fingerprints.
  llvm::Expected<llvm::SmallVector<const llvm::Function *, 8>>
  load(llvm::Function &F);

  // Does F, which is loaded. Whatever was done before, the outcome is the same.
  llvm::Error run(llvm::Function &F);

  // Whether F's body has to stay in M for functions that call F.
  bool isInlined(const llvm::Function &F) const;

private:
  struct SmallFunction;

  void visit(llvm::Function &Root);
  llvm::Expected<SmallFunction *> loadSmall(llvm::Function &F);
  void decide(llvm::Function &F, SmallFunction &Known);
  llvm::SmallVector<llvm::Function *, 4> smallCallees(llvm::Function &F) const;
  void inlineCallees(llvm::Function &F);
  bool canInline(const llvm::CallBase &Call) const;

  const llvm::DenseSet<const llvm::Function *> &Small;
  Fingerprints *Prints;
  llvm::DenseMap<const llvm::Function *, std::unique_ptr<SmallFunction>> Known;
};

} // namespace finegrain

#endif
