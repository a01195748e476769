#include "steps.h"
#include "llvm/Config/llvm-config.h"

namespace finegrain {

Version version() { return {LLVM_VERSION_STRING, FINEGRAIN_REVISION}; }

} // namespace finegrain
