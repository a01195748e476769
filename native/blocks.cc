// A module's bitcode is a stream of blocks and records. Function bodies are
// blocks of their own, and speak of types, constants, symbols and metadata by
// their numbers in the module's tables. So a function whose block is the same,
// byte for byte, in a module whose tables are the same, is the same function.
// Hashing blocks takes a fiftieth of the time of loading them.
//
// Some records say where in the file the function blocks stand, and move with
// every edit. The tables' digest has which block they mean instead.

#include "blocks.h"
#include "preinline.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Bitcode/LLVMBitCodes.h"
#include "llvm/Bitstream/BitstreamReader.h"
#include "llvm/Support/BLAKE3.h"
#include "llvm/Support/xxhash.h"
#include <map>

using namespace llvm;

namespace finegrain {

// The symbol table has where a block starts: before its width and size.
static constexpr uint64_t BlockHeaderWords = 2;

namespace {
// In pieces of a few bytes, hashing would take five times as long.
class BufferedHash {
public:
  void update(StringRef Content);
  std::string hexDigest();

private:
  void flush();

  BLAKE3 Hash;
  SmallString<16 * 1024> Waiting;
};

class BlockWalker {
public:
  explicit BlockWalker(StringRef Bitcode) : Bitcode(Bitcode), Stream(Bitcode) {}
  Expected<bool> run();
  ModuleBlocks result();

private:
  Expected<StringRef> takeBlock();
  Error walkModule();
  bool areInOrder() const;
  Error readBlockInfo();
  Error readStrings();
  Error walkSymbolTable();
  void addSymbol(unsigned Code, ArrayRef<uint64_t> Values);
  void noteDefinition(unsigned Code, ArrayRef<uint64_t> Values);
  std::optional<uint64_t> id() const;
  void addNumber(uint64_t Number);
  Error addRecord(unsigned AbbrevId);
  void addBlock(unsigned Id, StringRef Content);

  StringRef Bitcode;
  BitstreamCursor Stream;
  BitstreamBlockInfo BlockInfo;
  BufferedHash Tables;
  Bytes FunctionDigests, SmallFunctions;
  // Names of strong definitions: where they start in Strings, and their sizes.
  std::vector<std::pair<uint64_t, uint64_t>> Strong;
  StringRef Strings;
  // By the offset of the block's content, in words.
  DenseMap<uint64_t, uint64_t> FunctionAt;
  uint64_t SymbolTableOffset = 0;
  // By the function's number, as the symbol table has it.
  std::map<uint64_t, uint64_t> BlockOf;
};
} // namespace

void BufferedHash::update(StringRef Content) {
  if (Waiting.size() + Content.size() > Waiting.capacity())
    flush();
  if (Content.size() > Waiting.capacity())
    Hash.update(Content);
  else
    Waiting += Content;
}

void BufferedHash::flush() {
  Hash.update(Waiting);
  Waiting.clear();
}

std::string BufferedHash::hexDigest() {
  flush();
  return toHex(Hash.final());
}

void BlockWalker::addNumber(uint64_t Number) {
  Tables.update({reinterpret_cast<const char *>(&Number), sizeof(Number)});
}

void BlockWalker::addBlock(unsigned Id, StringRef Content) {
  addNumber(Id);
  addNumber(Content.size());
  Tables.update(Content);
}

// The block whose start has just been read, as raw bytes.
Expected<StringRef> BlockWalker::takeBlock() {
  Expected<uint32_t> Width = Stream.ReadVBR(bitc::CodeLenWidth);
  if (!Width)
    return Width.takeError();
  if (Error E = Stream.JumpToBit(alignTo(Stream.GetCurrentBitNo(), 32)))
    return E;
  auto Words = Stream.Read(bitc::BlockSizeWidth);
  if (!Words)
    return Words.takeError();
  size_t Start = Stream.getCurrentByteNo(), Size = *Words * 4;
  if (Start + Size > Bitcode.size())
    return createStringError("block out of bounds");
  addNumber(*Width);
  if (Error E = Stream.JumpToBit((Start + Size) * 8))
    return E;
  return Bitcode.substr(Start, Size);
}

// What the linker must not see twice.
void BlockWalker::noteDefinition(unsigned Code, ArrayRef<uint64_t> Values) {
  bool IsFunction = Code == bitc::MODULE_CODE_FUNCTION;
  if ((!IsFunction && Code != bitc::MODULE_CODE_GLOBALVAR) || Values.size() < 6)
    return;
  bool IsDefined = IsFunction ? Values[4] == 0 : Values[4] != 0;
  bool IsExternal = Values[5] == 0;
  size_t Comdat = IsFunction ? 14 : 13;
  if (IsDefined && IsExternal && (Values.size() <= Comdat || !Values[Comdat]))
    Strong.emplace_back(Values[0], Values[1]);
}

std::optional<uint64_t> BlockWalker::id() const {
  std::optional<uint64_t> Smallest;
  for (auto [Start, Size] : Strong)
    if (StringRef Name = Strings.substr(Start, Size); !Name.empty())
      Smallest = std::min(Smallest.value_or(UINT64_MAX), xxh3_64bits(Name));
  return Smallest;
}

Error BlockWalker::addRecord(unsigned AbbrevId) {
  SmallVector<uint64_t, 64> Values;
  StringRef Blob;
  Expected<unsigned> Code = Stream.readRecord(AbbrevId, Values, &Blob);
  if (!Code)
    return Code.takeError();
  if (*Code == bitc::MODULE_CODE_VSTOFFSET && Values.size() == 1) {
    SymbolTableOffset = Values[0];
    return Error::success();
  }
  noteDefinition(*Code, Values);
  addNumber(*Code);
  addNumber(Values.size());
  for (uint64_t Value : Values)
    addNumber(Value);
  addBlock(0, Blob);
  return Error::success();
}

void BlockWalker::addSymbol(unsigned Code, ArrayRef<uint64_t> Values) {
  addNumber(Code);
  addNumber(Values.size());
  bool IsFunction = Code == bitc::VST_CODE_FNENTRY && Values.size() > 1;
  for (size_t I = 0; I != Values.size(); ++I) {
    auto Block = FunctionAt.end();
    if (IsFunction && I == 1) {
      Block = FunctionAt.find(Values[I] + BlockHeaderWords);
      BlockOf[Values[0]] = Block == FunctionAt.end() ? ~0ull : Block->second;
    }
    addNumber(Block == FunctionAt.end() ? Values[I] : Block->second);
  }
}

// How records in other blocks are abbreviated. Does not take the block.
Error BlockWalker::readBlockInfo() {
  uint64_t Start = Stream.GetCurrentBitNo();
  auto Info = Stream.ReadBlockInfoBlock();
  if (!Info)
    return Info.takeError();
  if (!*Info)
    return createStringError("malformed block");
  BlockInfo = std::move(**Info);
  Stream.setBlockInfo(&BlockInfo);
  return Stream.JumpToBit(Start);
}

// The names of symbols. Does not take the block.
Error BlockWalker::readStrings() {
  uint64_t Start = Stream.GetCurrentBitNo();
  if (Error E = Stream.EnterSubBlock(bitc::STRTAB_BLOCK_ID))
    return E;
  Expected<BitstreamEntry> Entry = Stream.advance();
  if (!Entry)
    return Entry.takeError();
  if (Entry->Kind != BitstreamEntry::Record)
    return createStringError("malformed block");
  SmallVector<uint64_t, 4> Values;
  if (Error E = Stream.readRecord(Entry->ID, Values, &Strings).takeError())
    return E;
  return Stream.JumpToBit(Start);
}

Error BlockWalker::walkSymbolTable() {
  if (Error E = Stream.EnterSubBlock(bitc::VALUE_SYMTAB_BLOCK_ID))
    return E;
  // The same for all modules, or the offset is wrong.
  addNumber(Stream.GetCurrentBitNo() / 32 - SymbolTableOffset);
  while (true) {
    Expected<BitstreamEntry> Entry = Stream.advance();
    if (!Entry)
      return Entry.takeError();
    if (Entry->Kind == BitstreamEntry::EndBlock)
      return Error::success();
    if (Entry->Kind != BitstreamEntry::Record)
      return createStringError("malformed symbol table");
    SmallVector<uint64_t, 64> Values;
    Expected<unsigned> Code = Stream.readRecord(Entry->ID, Values);
    if (!Code)
      return Code.takeError();
    addSymbol(*Code, Values);
  }
}

Error BlockWalker::walkModule() {
  if (Error E = Stream.EnterSubBlock(bitc::MODULE_BLOCK_ID))
    return E;
  while (true) {
    Expected<BitstreamEntry> Entry = Stream.advance();
    if (!Entry)
      return Entry.takeError();
    if (Entry->Kind == BitstreamEntry::EndBlock)
      return Error::success();
    if (Entry->Kind == BitstreamEntry::Error)
      return createStringError("malformed block");
    if (Entry->Kind == BitstreamEntry::Record) {
      if (Error E = addRecord(Entry->ID))
        return E;
      continue;
    }
    if (Entry->ID == bitc::VALUE_SYMTAB_BLOCK_ID) {
      if (Error E = walkSymbolTable())
        return E;
      continue;
    }
    if (Entry->ID == bitc::BLOCKINFO_BLOCK_ID)
      if (Error E = readBlockInfo())
        return E;
    Expected<StringRef> Block = takeBlock();
    if (!Block)
      return Block.takeError();
    if (Entry->ID == bitc::FUNCTION_BLOCK_ID) {
      FunctionAt.try_emplace((Block->data() - Bitcode.data()) / 4,
                             FunctionAt.size());
      auto Digest = BLAKE3::hash<16>(arrayRefFromStringRef(*Block));
      FunctionDigests.append(Digest.begin(), Digest.end());
      SmallFunctions.push_back(isSmallBlock(Block->size()));
      addNumber(SmallFunctions.back());
    } else {
      addBlock(Entry->ID, *Block);
    }
  }
}

// Whether the blocks stand in the order of the functions. Without a symbol
// table they are sure to.
bool BlockWalker::areInOrder() const {
  uint64_t Next = 0;
  return all_of(BlockOf,
                [&](const auto &Entry) { return Entry.second == Next++; });
}

// Returns whether the bitcode holds a single module, laid out as is usual.
Expected<bool> BlockWalker::run() {
  if (Error E = Stream.JumpToBit(32)) // the magic
    return E;
  unsigned ModuleCount = 0;
  while (!Stream.AtEndOfStream()) {
    Expected<BitstreamEntry> Entry = Stream.advance();
    if (!Entry)
      return Entry.takeError();
    if (Entry->Kind != BitstreamEntry::SubBlock)
      return false;
    if (Entry->ID == bitc::MODULE_BLOCK_ID) {
      ++ModuleCount;
      if (Error E = walkModule())
        return E;
      continue;
    }
    if (Entry->ID == bitc::STRTAB_BLOCK_ID)
      if (Error E = readStrings())
        return E;
    Expected<StringRef> Block = takeBlock();
    if (!Block)
      return Block.takeError();
    // LLVM derives the symbol table for linkers from the module.
    if (Entry->ID != bitc::SYMTAB_BLOCK_ID)
      addBlock(Entry->ID, *Block);
  }
  return ModuleCount == 1 && areInOrder();
}

ModuleBlocks BlockWalker::result() {
  return {Tables.hexDigest(), std::move(FunctionDigests),
          std::move(SmallFunctions), id()};
}

std::optional<ModuleBlocks> digestBlocks(StringRef Bitcode) {
  BlockWalker Walker(Bitcode);
  Expected<bool> IsUsual = Walker.run();
  if (!IsUsual) {
    consumeError(IsUsual.takeError());
    return std::nullopt;
  }
  if (!*IsUsual)
    return std::nullopt;
  return Walker.result();
}

} // namespace finegrain
