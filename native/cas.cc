#include "cas.h"
#include "error.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include <atomic>
#include <mutex>

using namespace llvm;
using namespace llvm::cas;

namespace finegrain {

// What the trie has for a key: the offset of its value, or 0 for none. A value
// starts with its size.
using Slot = std::atomic<uint64_t>;
static constexpr size_t PrefixSize = 8;

static const Slot &slotOf(OnDiskTrieRawHashMap::ConstValueProxy Record) {
  return *reinterpret_cast<const Slot *>(Record.Data.data());
}

static Slot &slotOf(OnDiskTrieRawHashMap::ValueProxy Record) {
  return *reinterpret_cast<Slot *>(Record.Data.data());
}

Expected<std::unique_ptr<CASFolder>> CASFolder::open(const std::string &Path,
                                                     uint64_t Capacity) {
  if (std::error_code Failure = sys::fs::create_directories(Path))
    return createFileError(Path, Failure);
  auto Index =
      OnDiskTrieRawHashMap::create(Path + "/index", "finegrain.index",
                                   KeySize * 8, sizeof(Slot), Capacity, {});
  if (!Index)
    return Index.takeError();
  auto Values = OnDiskDataAllocator::create(Path + "/values",
                                            "finegrain.values", Capacity, {});
  if (!Values)
    return Values.takeError();
  return std::unique_ptr<CASFolder>(
      new CASFolder(std::move(*Index), std::move(*Values)));
}

Expected<StringRef> CASFolder::get(StringRef Key) const {
  auto Found = Index.find(arrayRefFromStringRef(Key));
  uint64_t Offset = Found ? slotOf(*Found).load(std::memory_order_acquire) : 0;
  if (Offset == 0)
    return StringRef();
  auto Prefix = Values.get(FileOffset(Offset), PrefixSize);
  if (!Prefix)
    return Prefix.takeError();
  uint64_t Size = support::endian::read64le(Prefix->data());
  if (Size > Values.size()) // their sum could be small again
    return stepError("STORE_FAILED", "a value is larger than all values");
  auto Content = Values.get(FileOffset(Offset + PrefixSize), Size);
  if (!Content)
    return Content.takeError();
  return StringRef(Content->data(), Content->size());
}

Error CASFolder::put(StringRef Key, StringRef Value) {
  // LLVM hands out no byte that is the file's last.
  auto Place = Values.allocate(PrefixSize + Value.size() + 1);
  if (!Place)
    return Place.takeError();
  char *Start = (*Place)->data();
  support::endian::write64le(Start, Value.size());
  copy(Value, Start + PrefixSize);

  // The value is there before anyone can find it.
  uint64_t Offset = Place->getOffset().get();
  auto Record =
      Index.insertLazy(arrayRefFromStringRef(Key),
                       [&](FileOffset, OnDiskTrieRawHashMap::ValueProxy New) {
                         new (New.Data.data()) Slot(Offset);
                       });
  if (!Record)
    return Record.takeError();
  slotOf(**Record).store(Offset, std::memory_order_release);
  return Error::success();
}

void CASFolder::remove(StringRef Key) {
  if (auto Found = Index.find(arrayRefFromStringRef(Key)))
    const_cast<Slot &>(slotOf(*Found)).store(0, std::memory_order_release);
}

Expected<std::string> CASFolder::keys() const {
  std::string Keys;
  std::mutex Mutex; // LLVM goes over the trie on several threads
  auto Add = [&](FileOffset, OnDiskTrieRawHashMap::ConstValueProxy Record) {
    std::lock_guard<std::mutex> Lock(Mutex);
    if (slotOf(Record).load() != 0)
      Keys += toStringRef(Record.Hash);
    return Error::success();
  };
  if (Error Failure = Index.validate(Add))
    return Failure;
  return Keys;
}

} // namespace finegrain
