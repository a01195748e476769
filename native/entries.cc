// The envelope of a store's entries, and reading and writing them as files.
//
//   "FGE1" | u32 header size | key, 32 bytes | u32 parts | u32 zero
//   for each part: name, 16 bytes, NUL padded | u64 size | u64 xxh3 of it
//   u64 xxh3 of the header up to here
//   the parts, one after the other
//
// All numbers are little endian. Every byte is under a checksum and the size of
// the file is known, so a damaged entry is always found out. Each part has a
// checksum of its own, so that a reader can leave parts out.

#include "error.h"
#include "steps.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/Errno.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/xxhash.h"
#include <fcntl.h>
#include <optional>
#include <sys/stat.h>
#include <unistd.h>

using namespace llvm;
using support::endian::read32le;
using support::endian::read64le;

namespace finegrain {

static constexpr StringLiteral Magic = "FGE1";
static constexpr size_t KeySize = 32;
static constexpr size_t FixedSize = 4 + 4 + KeySize + 4 + 4;
static constexpr size_t NameSize = 16;
static constexpr size_t PartSize = NameSize + 8 + 8;
static constexpr size_t FirstRead = 16 * 1024;
static constexpr size_t MaxHeaderSize = FirstRead;

// ---- writing

template <class T> static void append(std::string &Out, T Value) {
  char Buffer[sizeof(T)];
  support::endian::write<T>(Buffer, Value, endianness::little);
  Out.append(Buffer, sizeof(T));
}

static std::string encodeHeader(const Entry &E) {
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
    append<uint64_t>(Header, xxh3_64bits(Part.Content));
  }
  append<uint64_t>(Header, xxh3_64bits(Header));
  return Header;
}

static bool writeAll(int FD, StringRef Content) {
  while (!Content.empty()) {
    ssize_t Written =
        sys::RetryAfterSignal(-1, ::write, FD, Content.data(), Content.size());
    if (Written <= 0)
      return false;
    Content = Content.drop_front(Written);
  }
  return true;
}

// An empty folder in the file's place gives way.
static bool replaceFile(const char *From, const char *To) {
  if (::rename(From, To) == 0)
    return true;
  return errno == EISDIR && ::rmdir(To) == 0 && ::rename(From, To) == 0;
}

// Temporary file, then rename: readers see the whole entry or none.
static EntryWrite writeEntry(const Entry &E) {
  auto Failed = [](const Twine &What) {
    return EntryWrite{0, (What + ": " + sys::StrError()).str()};
  };
  SmallString<256> Temporary;
  int FD = -1;
  auto Create = [&] {
    return sys::fs::createUniqueFile(E.Path + ".%%%%%%%%.tmp", FD, Temporary);
  };
  std::error_code Failure = Create();
  if (Failure == std::errc::no_such_file_or_directory) {
    Failure = sys::fs::create_directories(sys::path::parent_path(E.Path));
    if (!Failure)
      Failure = Create();
  }
  if (Failure)
    return {0, "cannot create '" + E.Path + "': " + Failure.message()};

  std::string Header = encodeHeader(E);
  uint64_t Size = Header.size();
  bool IsWritten = writeAll(FD, Header);
  for (const EntryPart &Part : E.Parts) {
    IsWritten = IsWritten && writeAll(FD, Part.Content);
    Size += Part.Content.size();
  }
  EntryWrite Result{Size, ""};
  if (!IsWritten)
    Result = Failed("cannot write '" + E.Path + "'");
  if (::close(FD) != 0 && IsWritten)
    Result = Failed("cannot write '" + E.Path + "'");
  if (Result.Error.empty() && !replaceFile(Temporary.c_str(), E.Path.c_str()))
    Result = Failed("cannot rename to '" + E.Path + "'");
  if (!Result.Error.empty())
    ::unlink(Temporary.c_str());
  return Result;
}

std::vector<EntryWrite> writeEntries(ArrayRef<Entry> Entries) {
  std::vector<EntryWrite> Results;
  for (const Entry &E : Entries)
    Results.push_back(writeEntry(E));
  return Results;
}

// ---- reading

namespace {
struct PartRecord {
  StringRef Name;
  uint64_t Offset, Size, Checksum;
};
} // namespace

// Returns nothing where the header is not that of an entry for Key.
static std::optional<std::vector<PartRecord>>
decodeHeader(StringRef Start, StringRef Key, uint64_t FileSize) {
  if (Start.size() < FixedSize || !Start.starts_with(Magic))
    return std::nullopt;
  uint64_t Size = read32le(Start.data() + 4);
  uint64_t Count = read32le(Start.data() + 8 + KeySize);
  if (Size > Start.size() || Size != FixedSize + Count * PartSize + 8 ||
      Start.substr(8, KeySize) != Key ||
      xxh3_64bits(Start.take_front(Size - 8)) !=
          read64le(Start.data() + Size - 8))
    return std::nullopt;
  std::vector<PartRecord> Parts;
  uint64_t Offset = Size;
  for (uint64_t I = 0; I != Count; ++I) {
    const char *Record = Start.data() + FixedSize + I * PartSize;
    StringRef Name = StringRef(Record, NameSize).split('\0').first;
    uint64_t Length = read64le(Record + NameSize);
    Parts.push_back({Name, Offset, Length, read64le(Record + NameSize + 8)});
    if (Length > FileSize - Offset)
      return std::nullopt;
    Offset += Length;
  }
  if (Offset != FileSize)
    return std::nullopt;
  return Parts;
}

static bool readAt(int FD, uint64_t Offset, MutableArrayRef<char> Out) {
  while (!Out.empty()) {
    ssize_t Count =
        sys::RetryAfterSignal(-1, ::pread, FD, Out.data(), Out.size(), Offset);
    if (Count <= 0)
      return false;
    Out = Out.drop_front(Count);
    Offset += Count;
  }
  return true;
}

static bool readPart(int FD, StringRef Start, const PartRecord &Part,
                     Bytes &Out) {
  if (Part.Offset + Part.Size <= Start.size()) {
    StringRef Content = Start.substr(Part.Offset, Part.Size);
    Out.assign(Content.begin(), Content.end());
  } else {
    Out.resize_for_overwrite(Part.Size);
    if (!readAt(FD, Part.Offset, Out))
      return false;
  }
  return xxh3_64bits(StringRef(Out.data(), Out.size())) == Part.Checksum;
}

EntryRead readEntry(const std::string &Path, StringRef Key,
                    ArrayRef<std::string> PartNames) {
  EntryRead Result;
  auto Failed = [&](EntryStatus Status) {
    Result.Status = Status;
    Result.Error = "cannot read '" + Path + "': " + sys::StrError();
    Result.Parts.clear();
    return Result;
  };
  // Opening a named pipe must not wait for its writer.
  int FD = sys::RetryAfterSignal(-1, ::open, Path.c_str(),
                                 O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (FD < 0)
    return Failed(errno == ENOENT ? EntryStatus::Miss : EntryStatus::Error);
  auto Close = scope_exit([&] { ::close(FD); });
  struct stat Stat;
  if (::fstat(FD, &Stat) != 0)
    return Failed(EntryStatus::Error);
  if (!S_ISREG(Stat.st_mode))
    return Failed(EntryStatus::Bad);

  Bytes Start;
  Start.resize_for_overwrite(std::min<uint64_t>(Stat.st_size, FirstRead));
  if (!readAt(FD, 0, Start))
    return Failed(EntryStatus::Error);
  StringRef StartBytes(Start.data(), Start.size());
  std::optional<std::vector<PartRecord>> Parts =
      decodeHeader(StartBytes, Key, Stat.st_size);
  if (!Parts)
    return Failed(EntryStatus::Bad);
  Result.Status = EntryStatus::Hit;
  for (const std::string &Name : PartNames) {
    Bytes &Content = Result.Parts.emplace_back();
    for (const PartRecord &Part : *Parts)
      if (Part.Name == Name && !readPart(FD, StartBytes, Part, Content))
        return Failed(EntryStatus::Bad);
  }
  return Result;
}

} // namespace finegrain
