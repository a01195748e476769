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

#include "llvm/ADT/ArrayRef.h"
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
  // M may be lazily loaded. AreSmall has a byte for each of its definitions.
  PreInliner(llvm::Module &M, llvm::ArrayRef<char> AreSmall);
  ~PreInliner();

  // Does F. Returns the functions on whose bodies the outcome depends, F among
  // them. Whatever functions were done before, it is the same.
  llvm::Expected<llvm::SmallVector<const llvm::Function *, 8>>
  run(llvm::Function &F);

  bool isSmall(const llvm::Function &F) const { return Small.contains(&F); }

  // Whether F's body has to stay in M for functions that call F.
  bool isInlined(const llvm::Function &F) const;

private:
  struct SmallFunction;

  llvm::Error visit(llvm::Function &Root);
  llvm::Expected<SmallFunction *> load(llvm::Function &F);
  void decide(llvm::Function &F, SmallFunction &Known);
  llvm::SmallVector<llvm::Function *, 4> smallCallees(llvm::Function &F) const;
  void inlineCallees(llvm::Function &F);
  bool canInline(const llvm::CallBase &Call) const;

  llvm::DenseSet<const llvm::Function *> Small;
  llvm::DenseMap<const llvm::Function *, std::unique_ptr<SmallFunction>> Known;
};

} // namespace finegrain

#endif
