// A folder of LLVM's on-disk CAS: a trie that says where each key's value is,
// and the values. LLVM's own key-value database never replaces a value; here a
// slot of the trie is set anew, which readers in other processes see at once.
//
// LLVM maps the files and checks little of what is in them: a damaged file, a
// cut one or a full disk can end the process. lib/store/cas-child.ts has one
// for this alone.

#ifndef FINEGRAIN_CAS_H
#define FINEGRAIN_CAS_H

#include "llvm/CAS/OnDiskDataAllocator.h"
#include "llvm/CAS/OnDiskTrieRawHashMap.h"
#include <memory>
#include <string>
#include <vector>

namespace finegrain {

class CASFolder {
public:
  static constexpr size_t KeySize = 32;

  // Each of the two files is Capacity long, most of it a hole, while anyone has
  // it open. The first who does decides.
  static llvm::Expected<std::unique_ptr<CASFolder>>
  open(const std::string &Path, uint64_t Capacity);

  // Empty where there is none.
  llvm::Expected<llvm::StringRef> get(llvm::StringRef Key) const;
  llvm::Error put(llvm::StringRef Key, llvm::StringRef Value);
  void remove(llvm::StringRef Key);
  // One after the other, in no order.
  llvm::Expected<std::string> keys() const;

  uint64_t size() const { return Index.size() + Values.size(); }
  uint64_t capacity() const { return Values.capacity(); }

private:
  CASFolder(llvm::cas::OnDiskTrieRawHashMap Index,
            llvm::cas::OnDiskDataAllocator Values)
      : Index(std::move(Index)), Values(std::move(Values)) {}

  llvm::cas::OnDiskTrieRawHashMap Index;
  llvm::cas::OnDiskDataAllocator Values;
};

} // namespace finegrain

#endif
