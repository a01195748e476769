// A function as it was loaded, written down: the bytes that are its own, and
// pointers to what functions of a module have in common. Together they tell all
// that the unit made from the function depends on, and nothing of where in
// tables things stand.

#ifndef FINEGRAIN_LISTING_H
#define FINEGRAIN_LISTING_H

#include "steps.h"
#include "llvm/IR/Attributes.h"
#include "llvm/IR/Function.h"
#include <vector>

namespace finegrain {

// Small numbers, which most are, take one byte.
inline void appendNumber(Bytes &Content, uint64_t Number) {
  if (Number < 255) {
    Content.push_back(static_cast<char>(Number));
    return;
  }
  Content.push_back('\xff');
  Content.append(reinterpret_cast<char *>(&Number),
                 reinterpret_cast<char *>(&Number + 1));
}

inline void appendText(Bytes &Content, llvm::StringRef Text) {
  appendNumber(Content, Text.size());
  Content.append(Text.begin(), Text.end());
}

struct Reference {
  // An access is metadata as well, of which only that counts which
  // pruneAccessTypes() leaves.
  enum Kind : uint8_t { Type, Constant, Metadata, Access, Attributes };
  Kind What;
  const void *Pointer = nullptr;
  llvm::AttributeList List; // only of attributes
};

struct Listing {
  Bytes Own;
  std::vector<Reference> References; // in the order in which Own has them
  // Else the function holds what is so rare that it is not written down.
  bool IsComplete = true;
};

Listing listFunction(const llvm::Function &F);

} // namespace finegrain

#endif
