#include "fatal.h"
#include "error.h"
#include "llvm/Support/ErrorHandling.h"
#include <csetjmp>

using namespace llvm;

namespace finegrain {

namespace {
struct RecoveryPoint {
  jmp_buf Registers;
  std::string Reason;
};
} // namespace

static thread_local RecoveryPoint *Current = nullptr;

static void onFatalError(void *, const char *Reason, bool) {
  if (!Current)
    return; // not in a job: LLVM ends the process
  Current->Reason = Reason;
  longjmp(Current->Registers, 1);
}

void installFatalErrorHandler() {
  install_fatal_error_handler(onFatalError, nullptr);
  // Damaged input may ask for more memory than there is.
  install_bad_alloc_error_handler(onFatalError, nullptr);
}

Error catchFatalErrors(function_ref<void()> Work) {
  RecoveryPoint Point;
  RecoveryPoint *volatile Outer = Current; // volatile: read after longjmp
  if (setjmp(Point.Registers) == 0) {
    Current = &Point;
    Work();
    Current = Outer;
    return Error::success();
  }
  Current = Outer;
  return stepError("LLVM_FATAL", Point.Reason);
}

} // namespace finegrain
