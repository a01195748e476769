// The steps of the pipeline, as pure functions of bytes and options. Nothing
// here knows of JavaScript, stores or defaults: addon.cc carries bytes in and
// out, and TypeScript decides what to build and under which key.

#ifndef FINEGRAIN_STEPS_H
#define FINEGRAIN_STEPS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace finegrain {

using Bytes = llvm::SmallVector<char, 0>;

// A list of names as one block of bytes, each name ended by a NUL. It crosses
// into JavaScript as it is, since TypeScript seldom needs to look inside.
using PackedNames = Bytes;

// ---- version.cc

struct Version {
  std::string LLVM;
  std::string Revision; // of finegrain's own native code
};
Version version();

// ---- read.cc

struct InputModule {
  std::string Name; // the input's name, with "(member)" for archive members
  Bytes Bitcode;
  std::string Digest; // BLAKE3 of the bitcode, in upper-case hex
  // Of 16 hex digits, as a rule no other module's of the same program.
  std::string Id;
  // The same of all but the functions' bodies, and 16 bytes of it for each of
  // these: see blocks.h. Empty where that could not be told.
  std::string TablesDigest;
  Bytes FunctionDigests;
  Bytes SmallFunctions; // for each, 1 where callers may take its code
};

// Takes bitcode, wrapped bitcode, textual IR or an ar archive of these.
llvm::Expected<std::vector<InputModule>> readModules(llvm::StringRef Input,
                                                     llvm::StringRef Name);

// ---- edit.cc, for benchmarks

struct Edited {
  Bytes Bitcode;
  size_t Count = 0; // functions that were edited
};

// Changes a constant in `Count` of the functions, or in as many as have one.
// They are evenly spread; `First` says where among them to start.
llvm::Expected<Edited> editFunctions(llvm::StringRef Bitcode, size_t Count,
                                     size_t First);

// ---- split.cc

struct Unit {
  Bytes Body;            // bitcode that depends on no name
  std::string Digest;    // BLAKE3 of Body, in hex
  PackedNames LinkNames; // of the local names, by position
  PackedNames KeptNames; // of the symbols that have no local name
  // Flags (symbols.h) of the local names, then of the kept ones.
  std::vector<uint32_t> Symbols;
  std::string SymbolsDigest; // of these three, in hex
  // The function bodies that it depends on: indices among the module's.
  std::vector<uint32_t> Loaded;
  std::string Fingerprint; // see fingerprint.h; empty where it has none
};

struct SplitOptions {
  bool ByFunction = false; // else the module is one unit
  bool KeepTypeAliasing = true;
  // Whether simplify() will do the inlining that cannot be done without. Then
  // definitions that are there for inlining alone are units too.
  bool ForSimplify = false;
  // The module's, for it; see preinline.h.
  llvm::ArrayRef<char> SmallFunctions;
  std::string ModuleId; // for the names of internal symbols
  // By function, every ShardCount-th unit, so that shards can run in parallel.
  // Units that may go where nobody refers to them are in each shard that does.
  unsigned Shard = 0, ShardCount = 1;
  // By function, these units alone: indices in the module's order.
  std::optional<std::vector<uint32_t>> Only;
  // Whether units are to have fingerprints, for a later version of the module.
  bool WithFingerprints = false;
  // Those of units that need not be made, one behind the other.
  std::string Known;
};

// A unit that was not made, since it is known.
struct KnownUnit {
  uint32_t Index; // in the module's order
  uint32_t Place; // in the list of those that are known
  std::vector<uint32_t> Loaded;
};

struct SplitModule {
  std::string Triple;    // of the module; empty where it has none
  PackedNames Functions; // link names of the exported function definitions
  PackedNames Slots;     // link names of the exported pointer-sized variables
  std::vector<Unit> Units;
  std::vector<uint32_t> Indices; // their places in the module's order
  PackedNames Labels;            // what to call each unit in messages
  std::vector<KnownUnit> Known;
  // Where not all units are made: those that are units only if another refers
  // to them, and the names of their functions.
  std::vector<uint32_t> Optional;
  PackedNames OptionalNames;
  std::string WholeReason; // why it cannot be split; then there are no units
};

llvm::Expected<SplitModule> splitModule(llvm::StringRef Bitcode,
                                        const SplitOptions &Options);

// ---- emit.cc

enum class Output { Object, Assembly, Bitcode };

struct EmitOptions {
  std::string Triple;
  std::string CPU;
  std::string Features;
  std::string Pipeline;   // LLVM's pipeline text; empty: code generation only
  bool Vectorize = false; // loops and straight-line code, in Pipeline
  unsigned CodeGenLevel = 2;
  std::string RelocationModel; // "pic" or "static"
  std::string CodeModel;       // empty: the module's own
  Output Kind = Output::Object;
};

struct EmitRequest {
  llvm::StringRef Body;
  llvm::StringRef LinkNames; // for error messages, assembly and bitcode
};

llvm::Expected<Bytes> emit(const EmitRequest &Request,
                           const EmitOptions &Options);

// ---- simplify.cc

// Another unit's body, whose symbols are the importing unit's too.
struct OtherBody {
  llvm::StringRef Body;
  // Of the body's local names: their positions in the importing unit, where
  // those of symbols that it does not know come behind its own.
  std::vector<uint32_t> Positions;
};

// A unit as it came in, whose function only the importing unit calls. It is
// simplified there.
struct Member : OtherBody {
  std::string Function; // its name in the importing unit
};

// Functions of another unit, simplified before, that may be inlined.
struct Import : OtherBody {
  PackedNames Functions;   // their names in the importing unit
  bool IsOnlyCall = false; // nobody else calls them: size does not matter
};

struct SimplifyRequest {
  llvm::StringRef Body;
  std::vector<Member> Members; // each is behind the one that calls it
  std::vector<Import> Imports;
  // What is known of functions that the body calls and does not import: pairs
  // of a name in the body and attributes, as a summary has them.
  llvm::StringRef Attributes;
};

struct Simplified {
  Bytes Body;
  // JSON: the body's digest, and for each symbol what it was called before,
  // its flags, what may be told of it to callers, and its size. simplify.cc
  // has the details.
  std::string Summary;
};

// Inlines into a unit's functions, simplifies them, and infers attributes.
llvm::Expected<Simplified> simplify(const SimplifyRequest &Request,
                                    const EmitOptions &Options);

// ---- target.cc

struct Host {
  std::string Triple;
  std::string CPU;
  std::string Features;
};
Host host();

// ---- rename.cc, archive.cc, link.cc

// Puts the link names into an ELF object's symbol table.
llvm::Expected<Bytes> renameSymbols(llvm::StringRef Object,
                                    llvm::StringRef LinkNames);

// Whether an object that has its link names is whole: lld trusts it.
llvm::Error checkObject(llvm::StringRef Object);

struct ArchiveMember {
  std::string Name;
  llvm::StringRef Content;
};
// lld, which takes the archive whole, can do without a symbol table. Objects
// are checked.
llvm::Error writeArchive(llvm::raw_ostream &OS,
                         llvm::ArrayRef<ArchiveMember> Members,
                         bool HasSymbolTable);

// Links the archive that WriteArchive writes, whole, between the arguments
// Before and After. Returns what lld had to say where it succeeded, and an
// error with lld's words where not.
llvm::Expected<std::string>
link(llvm::ArrayRef<std::string> Before,
     llvm::function_ref<llvm::Error(llvm::raw_ostream &)> WriteArchive,
     llvm::ArrayRef<std::string> After);

// ---- image.cc

struct ImageContent {
  std::string Triple;
  std::string CPU;
  std::string Features;
  llvm::StringRef Functions; // packed link names, by index
  llvm::StringRef Slots;
};

// The module, as bitcode, that holds the header and the shard table.
llvm::Expected<Bytes> imageTables(const ImageContent &Content);

struct LoadedImage {
  void *Handle = nullptr;
  uint32_t Version = 0;
  uint32_t ShardCount = 0;
  std::vector<uint64_t> Functions;
  std::vector<uint64_t> Slots;
  std::string FunctionNames; // packed
  std::string SlotNames;     // packed
};
llvm::Expected<LoadedImage> openImage(const std::string &Path);
void closeImage(void *Handle);

// ---- envelope.cc, entries.cc

struct EntryPart {
  EntryPart(std::string Name, llvm::StringRef Content)
      : Name(std::move(Name)), Content(Content), Size(Content.size()) {}
  std::string Name;        // at most 15 characters
  llvm::StringRef Content; // as it is stored, perhaps compressed
  uint64_t Size;           // uncompressed
};

struct Entry {
  std::string Key; // 32 bytes
  std::vector<EntryPart> Parts;
};

struct EntryWrite {
  uint64_t Size = 0; // 0: not written
  std::string Error;
};

enum class EntryStatus { Hit, Miss, Bad, Error };

struct EntryRead {
  EntryStatus Status = EntryStatus::Miss;
  std::string Error;
  uint64_t Size = 0; // of the whole entry, as it is stored
};

// Where the bytes of a part go: behind those that are there. Of an entry that
// is no hit some parts may be there, which the caller takes away again.
using PartSink = llvm::function_ref<Bytes &(llvm::StringRef Name)>;

// The names of the parts to read; nothing stands for all of them.
using PartChoice = std::optional<std::vector<std::string>>;

Bytes encodeEntry(Entry E, bool Compress);
EntryRead decodeEntry(llvm::StringRef Value, llvm::StringRef Key,
                      const PartChoice &Choice, PartSink Sink);

// Root is the store's folder. An entry with the key ab12... is the file
// ab/12...
std::vector<EntryWrite> writeEntries(const std::string &Root,
                                     llvm::ArrayRef<Entry> Entries);
// IsUse: to be remembered, for pruning.
EntryRead readEntry(llvm::StringRef Root, llvm::StringRef Key,
                    const PartChoice &Choice, bool IsUse, PartSink Sink);

// ---- folders.cc

struct FolderFile {
  std::string Name; // with its folder's
  uint64_t Size;
  int64_t Used, Written; // seconds since 1970; Used is 0 for never
};

// A folder that cannot be read counts as empty.
std::vector<FolderFile> listFolders(const std::string &Root,
                                    llvm::ArrayRef<std::string> Names);
uint32_t removeFiles(llvm::ArrayRef<std::string> Paths);
// Where another process has the lock, or the file system has no locks.
constexpr int BusyLock = -1, NoLock = -2;
int lockFile(const std::string &Path);
void unlockFile(int FD);

} // namespace finegrain

#endif
