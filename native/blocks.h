// Tells what changed in a module without parsing it.

#ifndef FINEGRAIN_BLOCKS_H
#define FINEGRAIN_BLOCKS_H

#include "steps.h"

namespace finegrain {

struct ModuleBlocks {
  // Of everything but the functions' bodies and where they stand.
  std::string TablesDigest; // in upper-case hex
  // A digest of 16 bytes for each function block, in the module's order.
  Bytes FunctionDigests;
  // For each, whether isSmallBlock(). They are part of the tables, too.
  Bytes SmallFunctions;
  // Tells the module apart from others of the same program: of the digests of
  // its strong definitions' names, the smallest. No two modules can have one
  // such definition, and a new one is seldom the smallest.
  std::optional<uint64_t> Id;
};

// Bitcode of one module. Returns nothing where it is laid out in another way
// than LLVM's writer does it.
std::optional<ModuleBlocks> digestBlocks(llvm::StringRef Bitcode);

} // namespace finegrain

#endif
