// The envelope of a store's entries: what is around the parts in a file, a row
// of a database or the body of a request.

#ifndef FINEGRAIN_ENVELOPE_H
#define FINEGRAIN_ENVELOPE_H

#include "steps.h"
#include <optional>

namespace finegrain {

struct PartRecord {
  llvm::StringRef Name;
  uint64_t Offset;     // from the entry's first byte
  uint64_t StoredSize; // less than Size where it is compressed
  uint64_t Size;
  uint64_t Checksum; // of the bytes as they are stored
};

constexpr size_t MaxHeaderSize = 16 * 1024;

std::string encodeHeader(const Entry &E);

// Start has at least the header of an entry of EntrySize bytes. Returns nothing
// where that is not an entry for Key.
std::optional<llvm::SmallVector<PartRecord, 8>>
decodeHeader(llvm::StringRef Start, llvm::StringRef Key, uint64_t EntrySize);

inline bool isWanted(const PartChoice &Choice, llvm::StringRef Name) {
  return !Choice || llvm::is_contained(*Choice, Name);
}

// Whether the part is what was written.
bool isSound(llvm::StringRef Stored, const PartRecord &Record);

// Adds the part to Out. Returns false where Stored is not what Record says.
bool unpackPart(llvm::StringRef Stored, const PartRecord &Record, Bytes &Out);

} // namespace finegrain

#endif
