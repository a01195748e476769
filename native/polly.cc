// Debian's LLVM is built with Polly, and the optimiser in lld refers to it, but
// no package has it as a static library. So here it adds no passes. lld has an
// optimiser for bitcode in users' libraries, which finegrain does not take
// apart.

#include "llvm/Passes/PassBuilder.h"
#include "llvm/Plugins/PassPlugin.h"

using namespace llvm;

PassPluginLibraryInfo getPollyPluginInfo() {
  return {LLVM_PLUGIN_API_VERSION, "Polly", LLVM_VERSION_STRING,
          [](PassBuilder &) {}};
}
