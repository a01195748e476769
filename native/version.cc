#include "steps.h"
#include "llvm-c/Core.h"

namespace finegrain {

Version version() {
  // Asked of the library, not of the headers: a shared libLLVM can be newer.
  unsigned Major = 0, Minor = 0, Patch = 0;
  LLVMGetVersion(&Major, &Minor, &Patch);
  return {std::to_string(Major) + "." + std::to_string(Minor) + "." +
              std::to_string(Patch),
          FINEGRAIN_REVISION};
}

} // namespace finegrain
