// LLVM ends the process on errors it calls fatal ("Cannot select", broken input
// that only a late pass notices). Inside a job they become an ordinary error.

#ifndef FINEGRAIN_FATAL_H
#define FINEGRAIN_FATAL_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/Error.h"
#include <optional>

namespace finegrain {

// Once, when the addon is loaded.
void installFatalErrorHandler();

// Runs Work, which may not return normally: what it had allocated in LLVM is
// then leaked, since it may be in no state to be destroyed.
llvm::Error catchFatalErrors(llvm::function_ref<void()> Work);

// Likewise, for work that has a result.
template <class Result, class Work>
llvm::Expected<Result> resultOf(Work &&DoWork) {
  std::optional<llvm::Expected<Result>> Outcome;
  if (llvm::Error Fatal = catchFatalErrors([&] { Outcome.emplace(DoWork()); }))
    return Fatal;
  return std::move(*Outcome);
}

} // namespace finegrain

#endif
