// Local names: what the symbols of a body are called, so that the body says
// nothing of how the program calls them.
//
// A local name is "fg." and the symbol's position. The dot keeps it apart from
// every register and mnemonic, and C cannot spell it. Code generation derives
// further names from it ("fg.3.cold", "switch.table.fg.3"); restoring replaces
// the local name inside them too.
//
// A name that carries meaning for the optimiser, the code generator or the
// loader stays as it is: see KeptNames.

#ifndef FINEGRAIN_NAMES_H
#define FINEGRAIN_NAMES_H

#include "steps.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Analysis/TargetLibraryInfo.h"
#include "llvm/IR/Module.h"

namespace finegrain {

// The words of texts that may name symbols: assembly, attributes, sections.
class TextWords {
public:
  void add(llvm::StringRef Text);
  // Whether every word of Name occurs.
  bool mayHold(llvm::StringRef Name) const;
  // Whether some word looks like a local name.
  bool holdLocalName() const;

private:
  llvm::StringSet<> Words;
};

// The names of a module that must not change.
class KeptNames {
public:
  explicit KeptNames(const llvm::Module &M);
  bool contains(const llvm::GlobalValue &Global) const;
  const TextWords &text() const { return Text; }

private:
  void addAttributes(const llvm::AttributeList &Attributes);
  void addMetadata(const llvm::MDNode *Node);

  llvm::TargetLibraryInfoImpl Library;
  TextWords Text;
  llvm::DenseSet<const void *> Seen;
};

// Gives every symbol of M that has no kept name a local name, in the order of
// Symbols, then every type that accesses name (tbaa.h). Fills in U's link names
// by position, and its flags as far as they do not speak of symbols. With
// Again, M has local names already, and these become U's link names.
void assignLocalNames(llvm::Module &M,
                      llvm::ArrayRef<llvm::GlobalValue *> Symbols, bool Again,
                      Unit &U);

// The position that a local name stands for.
std::optional<size_t> localPosition(llvm::StringRef Name);

// Gives what has local names in M those of other positions.
void moveLocalNames(llvm::Module &M, llvm::ArrayRef<uint32_t> Positions);

// Puts the link names back into M.
void restoreLinkNames(llvm::Module &M, llvm::StringRef LinkNames);

// Replaces the local names inside one symbol's name.
class LinkNameTable {
public:
  explicit LinkNameTable(llvm::StringRef Packed);
  // Restored is set and true returned where Name holds a local name. Names
  // that no position answers to are left alone.
  bool restore(llvm::StringRef Name, std::string &Restored) const;

private:
  std::vector<llvm::StringRef> Names;
};

// What is put behind an internal symbol's name when other units must see it.
// LLVM's own LTO does the same, so demanglers and profilers know to hide it.
std::string promotedSuffix(llvm::StringRef ModuleId);

void appendName(PackedNames &Packed, llvm::StringRef Name);
std::vector<llvm::StringRef> unpackNames(llvm::StringRef Packed);

} // namespace finegrain

#endif
