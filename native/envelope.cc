// The envelope of a store's entries.
//
//   "FGE2" | u32 header size | key, 32 bytes | u32 parts | u32 zero
//   for each part: name, 16 bytes, NUL padded
//                  u64 size as stored | u64 size | u64 xxh3 of it as stored
//   u64 xxh3 of the header up to here
//   the parts, one after the other
//
// All numbers are little endian. Every byte is under a checksum and the size of
// the whole is known, so a damaged entry is always found out. Each part has a
// checksum of its own, so that a reader can leave parts out.
//
// A part whose two sizes differ is compressed with zstd, which LLVM brings.
// That halves objects, but costs 10 to 20 us for each to read, more than a
// local disk does: only stores behind a network ask for it (docs/stores.md has
// figures).

#include "envelope.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Compression.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/xxhash.h"

using namespace llvm;
using support::endian::read32le;
using support::endian::read64le;

namespace finegrain {

static constexpr StringLiteral Magic = "FGE2";
static constexpr size_t KeySize = 32;
static constexpr size_t FixedSize = 4 + 4 + KeySize + 4 + 4;
static constexpr size_t NameSize = 16;
static constexpr size_t PartSize = NameSize + 8 + 8 + 8;

// What claims to grow more than this is damaged: it would only take memory.
static constexpr uint64_t MaxGrowth = 256;
static constexpr size_t SmallestCompressed = 256;

// ---- writing

template <class T> static void append(std::string &Out, T Value) {
  char Buffer[sizeof(T)];
  support::endian::write<T>(Buffer, Value, endianness::little);
  Out.append(Buffer, sizeof(T));
}

std::string encodeHeader(const Entry &E) {
  std::string Header;
  size_t Size = FixedSize + E.Parts.size() * PartSize + 8;
  Header += Magic;
  append<uint32_t>(Header, Size);
  Header += E.Key;
  append<uint32_t>(Header, E.Parts.size());
  append<uint32_t>(Header, 0);
  for (const EntryPart &Part : E.Parts) {
    std::string Name = Part.Name;
    Name.resize(NameSize);
    Header += Name;
    append<uint64_t>(Header, Part.Content.size());
    append<uint64_t>(Header, Part.Size);
    append<uint64_t>(Header, xxh3_64bits(Part.Content));
  }
  append<uint64_t>(Header, xxh3_64bits(Header));
  return Header;
}

// Leaves the part as it is where compression gains nothing.
static void compressPart(EntryPart &Part, SmallVectorImpl<uint8_t> &Out) {
  if (Part.Size < SmallestCompressed || !compression::zstd::isAvailable())
    return;
  compression::zstd::compress(arrayRefFromStringRef(Part.Content), Out,
                              compression::zstd::BestSpeedCompression);
  if (Out.size() < Part.Size && Part.Size / Out.size() < MaxGrowth)
    Part.Content = toStringRef(Out);
}

Bytes encodeEntry(Entry E, bool Compress) {
  std::vector<SmallVector<uint8_t, 0>> Compressed(E.Parts.size());
  if (Compress)
    for (size_t I = 0; I != E.Parts.size(); ++I)
      compressPart(E.Parts[I], Compressed[I]);
  std::string Header = encodeHeader(E);
  Bytes Result(Header.begin(), Header.end());
  for (const EntryPart &Part : E.Parts)
    Result.append(Part.Content.begin(), Part.Content.end());
  return Result;
}

// ---- reading

std::optional<SmallVector<PartRecord, 8>>
decodeHeader(StringRef Start, StringRef Key, uint64_t EntrySize) {
  if (Start.size() < FixedSize || !Start.starts_with(Magic))
    return std::nullopt;
  uint64_t Size = read32le(Start.data() + 4);
  uint64_t Count = read32le(Start.data() + 8 + KeySize);
  if (Size > Start.size() || Size != FixedSize + Count * PartSize + 8 ||
      Start.substr(8, KeySize) != Key ||
      xxh3_64bits(Start.take_front(Size - 8)) !=
          read64le(Start.data() + Size - 8))
    return std::nullopt;
  SmallVector<PartRecord, 8> Parts;
  uint64_t Offset = Size;
  for (uint64_t I = 0; I != Count; ++I) {
    const char *Record = Start.data() + FixedSize + I * PartSize;
    const char *Numbers = Record + NameSize;
    StringRef Name = StringRef(Record, NameSize).split('\0').first;
    uint64_t StoredSize = read64le(Numbers), FullSize = read64le(Numbers + 8);
    if (StoredSize > EntrySize - Offset || FullSize < StoredSize ||
        FullSize / MaxGrowth > StoredSize)
      return std::nullopt;
    Parts.push_back(
        {Name, Offset, StoredSize, FullSize, read64le(Numbers + 16)});
    Offset += StoredSize;
  }
  if (Offset != EntrySize)
    return std::nullopt;
  return Parts;
}

bool isSound(StringRef Stored, const PartRecord &Record) {
  return xxh3_64bits(Stored) == Record.Checksum;
}

bool unpackPart(StringRef Stored, const PartRecord &Record, Bytes &Out) {
  if (!isSound(Stored, Record))
    return false;
  if (Record.Size == Record.StoredSize) {
    Out.append(Stored.begin(), Stored.end());
    return true;
  }
  if (!compression::zstd::isAvailable())
    return false;
  size_t Start = Out.size(), Size = Record.Size;
  Out.resize_for_overwrite(Start + Size);
  Error Failure = compression::zstd::decompress(
      arrayRefFromStringRef(Stored),
      reinterpret_cast<uint8_t *>(Out.data() + Start), Size);
  bool IsFailed = bool(Failure);
  consumeError(std::move(Failure));
  return !IsFailed && Size == Record.Size;
}

EntryRead decodeEntry(StringRef Value, StringRef Key, const PartChoice &Choice,
                      PartSink Sink) {
  EntryRead Result;
  Result.Status = EntryStatus::Bad;
  auto Records = decodeHeader(Value, Key, Value.size());
  if (!Records)
    return Result;
  for (const PartRecord &Record : *Records)
    if (isWanted(Choice, Record.Name) &&
        !unpackPart(Value.substr(Record.Offset, Record.StoredSize), Record,
                    Sink(Record.Name)))
      return Result;
  Result.Status = EntryStatus::Hit;
  Result.Size = Value.size();
  return Result;
}

} // namespace finegrain
