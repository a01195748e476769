// A store's entries as files: reading and writing them. envelope.cc has the
// format.
//
// The access time of a file says when its entry was last of use. Zero stands
// for never, so that pruning can begin there. It is set here and not left to
// the system, for which a backup is a use, and which may be told not to keep
// it.

#include "envelope.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Errno.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include <atomic>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace llvm;

namespace finegrain {

static constexpr size_t FirstRead = MaxHeaderSize;
static constexpr size_t LargePart = 64 * 1024;
static constexpr time_t Day = 24 * 60 * 60;

static SmallString<256> pathOf(StringRef Root, StringRef Key) {
  SmallString<64> Hex;
  toHex(arrayRefFromStringRef(Key), /*LowerCase=*/true, Hex);
  SmallString<256> Path = Root;
  for (StringRef Piece :
       {StringRef("/"), Hex.substr(0, 2), StringRef("/"), Hex.substr(2)})
    Path += Piece;
  return Path;
}

// ---- writing

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

// In one go but for large parts: most entries are small, and the system's part
// is most of the time.
static bool writeParts(int FD, const Entry &E, uint64_t &Size) {
  std::string Waiting = encodeHeader(E);
  Size = Waiting.size();
  bool IsWritten = true;
  for (const EntryPart &Part : E.Parts) {
    Size += Part.Content.size();
    if (Part.Content.size() < LargePart) {
      Waiting += Part.Content;
      continue;
    }
    IsWritten =
        IsWritten && writeAll(FD, Waiting) && writeAll(FD, Part.Content);
    Waiting.clear();
  }
  IsWritten = IsWritten && writeAll(FD, Waiting);
  timespec Times[2] = {{0, 0}, {0, UTIME_NOW}};
  ::futimens(FD, Times);
  return IsWritten;
}

// LLVM's createUniqueFile asks the system for each random digit.
static int createTemporary(const std::string &Path, std::string &Temporary) {
  static std::atomic<uint32_t> Next = sys::Process::GetRandomNumber();
  int FD;
  do {
    Temporary = formatv("{0}.{1:x-8}.tmp", Path, Next++).str();
    constexpr int Flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
    FD = sys::RetryAfterSignal(-1, ::open, Temporary.c_str(), Flags, 0666);
  } while (FD < 0 && errno == EEXIST);
  return FD;
}

// An empty folder in the file's place gives way.
static bool replaceFile(const char *From, const char *To) {
  if (::rename(From, To) == 0)
    return true;
  return errno == EISDIR && ::rmdir(To) == 0 && ::rename(From, To) == 0;
}

// Temporary file, then rename: readers see the whole entry or none.
static EntryWrite writeEntry(const std::string &Root, const Entry &E) {
  std::string Path = pathOf(Root, E.Key).str().str();
  auto Failed = [](const Twine &What) {
    return EntryWrite{0, (What + ": " + sys::StrError()).str()};
  };
  std::string Temporary;
  int FD = createTemporary(Path, Temporary);
  if (FD < 0 && errno == ENOENT) {
    StringRef Folder = sys::path::parent_path(Path);
    if (std::error_code Failure = sys::fs::create_directories(Folder))
      return {0,
              ("cannot create '" + Folder + "': " + Failure.message()).str()};
    FD = createTemporary(Path, Temporary);
  }
  if (FD < 0)
    return Failed("cannot create '" + Path + "'");

  EntryWrite Result;
  bool IsWritten = writeParts(FD, E, Result.Size);
  if (!IsWritten)
    Result = Failed("cannot write '" + Path + "'");
  if (::close(FD) != 0 && IsWritten)
    Result = Failed("cannot write '" + Path + "'");
  if (Result.Error.empty() && !replaceFile(Temporary.c_str(), Path.c_str()))
    Result = Failed("cannot rename to '" + Path + "'");
  if (!Result.Error.empty())
    ::unlink(Temporary.c_str());
  return Result;
}

std::vector<EntryWrite> writeEntries(const std::string &Root,
                                     ArrayRef<Entry> Entries) {
  std::vector<EntryWrite> Results;
  for (const Entry &E : Entries)
    Results.push_back(writeEntry(Root, E));
  return Results;
}

// ---- reading

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

static bool readPart(int FD, StringRef Start, const PartRecord &Record,
                     Bytes &Out) {
  if (Record.Offset + Record.StoredSize <= Start.size())
    return unpackPart(Start.substr(Record.Offset, Record.StoredSize), Record,
                      Out);
  Bytes Stored;
  Stored.resize_for_overwrite(Record.StoredSize);
  if (!readAt(FD, Record.Offset, Stored))
    return false;
  if (Out.empty() && Record.Size == Record.StoredSize) {
    Out = std::move(Stored);
    return isSound(StringRef(Out.data(), Out.size()), Record);
  }
  return unpackPart(StringRef(Stored.data(), Stored.size()), Record, Out);
}

// Opening a named pipe must not wait for its writer. Reading must not change
// the access time; only a file's owner may ask for that.
static int openEntry(const char *Path) {
  constexpr int Flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;
  int FD = sys::RetryAfterSignal(-1, ::open, Path, Flags | O_NOATIME);
  if (FD < 0 && errno == EPERM)
    FD = sys::RetryAfterSignal(-1, ::open, Path, Flags);
  return FD;
}

// Once a day is enough. A time in the future comes of a clock set back.
static void noteUse(int FD, const struct stat &Stat) {
  time_t Age = ::time(nullptr) - Stat.st_atime;
  if (Age < Day && Age > -Day)
    return;
  timespec Times[2] = {{0, UTIME_NOW}, {0, UTIME_OMIT}};
  ::futimens(FD, Times);
}

EntryRead readEntry(StringRef Root, StringRef Key, const PartChoice &Choice,
                    bool IsUse, PartSink Sink) {
  SmallString<256> Path = pathOf(Root, Key);
  EntryRead Result;
  auto Failed = [&](EntryStatus Status) {
    Result.Status = Status;
    if (Status == EntryStatus::Error)
      Result.Error = ("cannot read '" + Path + "': " + sys::StrError()).str();
    return Result;
  };
  int FD = openEntry(Path.c_str());
  if (FD < 0)
    return Failed(errno == ENOENT ? EntryStatus::Miss : EntryStatus::Error);
  auto Close = scope_exit([&] { ::close(FD); });
  struct stat Stat;
  if (::fstat(FD, &Stat) != 0)
    return Failed(EntryStatus::Error);
  if (!S_ISREG(Stat.st_mode))
    return Failed(EntryStatus::Bad);

  char Buffer[FirstRead];
  MutableArrayRef<char> Start(Buffer,
                              std::min<uint64_t>(Stat.st_size, FirstRead));
  if (!readAt(FD, 0, Start))
    return Failed(EntryStatus::Error);
  StringRef StartBytes(Start.data(), Start.size());
  auto Records = decodeHeader(StartBytes, Key, Stat.st_size);
  if (!Records)
    return Failed(EntryStatus::Bad);
  for (const PartRecord &Record : *Records)
    if (isWanted(Choice, Record.Name) &&
        !readPart(FD, StartBytes, Record, Sink(Record.Name)))
      return Failed(EntryStatus::Bad);
  Result.Status = EntryStatus::Hit;
  Result.Size = Stat.st_size;
  if (IsUse)
    noteUse(FD, Stat);
  return Result;
}

} // namespace finegrain
