// LLVM writes into each module the names of all kinds of metadata and operand
// bundles that it knows. In the body of a small function that is half of the
// bytes, and of the time to read them. Here only the names stay that the module
// uses. The writer has no option for that, so its blocks are replaced after the
// fact; as every block is aligned, what follows one can be moved.
//
// Functions move as well, so the table of their places is emptied. LLVM then
// looks for them in order, as it does in bitcode that has no such table.

#include "compact.h"
#include "module_io.h"
#include "llvm/ADT/SmallBitVector.h"
#include "llvm/Bitcode/LLVMBitCodes.h"
#include "llvm/Bitstream/BitstreamReader.h"
#include "llvm/Bitstream/BitstreamWriter.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/InstrTypes.h"
#include "llvm/Support/Endian.h"
#include <map>

using namespace llvm;

namespace finegrain {

// New contents of blocks of the module, by block ID.
using Contents = std::map<unsigned, Bytes>;

namespace {
// Its errors are those of damaged bitcode, which nobody writes.
class Compactor {
public:
  explicit Compactor(Bytes &Whole)
      : Whole(Whole), Cursor(StringRef(Whole.data(), Whole.size())) {}
  Bytes run(const Contents &New);

private:
  void enterModule();
  void readRecord(unsigned Abbreviation);
  void copyBlock(const Bytes *New);
  void copyUpTo(size_t End);
  size_t position() const { return Cursor.GetCurrentBitNo() / 8; }

  Bytes &Whole;
  BitstreamCursor Cursor;
  Bytes Result;
  size_t Copied = 0;
};
} // namespace

void Compactor::copyUpTo(size_t End) {
  Result.append(Whole.begin() + Copied, Whole.begin() + End);
  Copied = End;
}

void Compactor::enterModule() {
  cantFail(Cursor.JumpToBit(32)); // past the magic number
  while (cantFail(Cursor.advance()).ID != bitc::MODULE_BLOCK_ID)
    cantFail(Cursor.SkipBlock());
  cantFail(Cursor.EnterSubBlock(bitc::MODULE_BLOCK_ID));
  copyUpTo(position());
}

void Compactor::readRecord(unsigned Abbreviation) {
  if (cantFail(Cursor.skipRecord(Abbreviation)) != bitc::MODULE_CODE_VSTOFFSET)
    return;
  // Where the table of functions is, one more than that in words: nowhere.
  size_t Bit = Cursor.GetCurrentBitNo() - 32;
  support::endian::writeAtBitAlignment<uint32_t, endianness::little, 1>(
      &Whole[Bit / 8], 1, Bit % 8);
}

void Compactor::copyBlock(const Bytes *New) {
  size_t Size = alignTo(Cursor.GetCurrentBitNo() + bitc::CodeLenWidth, 32) / 8;
  cantFail(Cursor.SkipBlock());
  if (!New)
    return;
  copyUpTo(Size);
  Result.resize(Result.size() + 4);
  support::endian::write32le(Result.end() - 4, New->size() / 4);
  Result.append(*New);
  Copied = position();
}

Bytes Compactor::run(const Contents &New) {
  enterModule();
  size_t Start = Result.size();
  for (BitstreamEntry Entry = cantFail(Cursor.advance());
       Entry.Kind != BitstreamEntry::EndBlock;
       Entry = cantFail(Cursor.advance())) {
    if (Entry.Kind == BitstreamEntry::Record) {
      readRecord(Entry.ID);
      continue;
    }
    auto Found = New.find(Entry.ID);
    copyBlock(Found == New.end() ? nullptr : &Found->second);
  }
  copyUpTo(position());
  support::endian::write32le(&Result[Start - 4], (Result.size() - Start) / 4);
  copyUpTo(Whole.size());
  return std::move(Result);
}

namespace {
// What a module uses of what its context knows.
struct UsedTables {
  SmallBitVector MetadataKinds;
  bool HasOperandBundles = false;

  explicit UsedTables(const Module &M);

private:
  void take(SmallVectorImpl<std::pair<unsigned, MDNode *>> &Attachments);
};
} // namespace

// Leaves the list empty: LLVM appends to what it is given.
void UsedTables::take(
    SmallVectorImpl<std::pair<unsigned, MDNode *>> &Attachments) {
  for (auto [Kind, Node] : Attachments) {
    if (Kind >= MetadataKinds.size())
      MetadataKinds.resize(Kind + 1);
    MetadataKinds.set(Kind);
  }
  Attachments.clear();
}

UsedTables::UsedTables(const Module &M) {
  SmallVector<std::pair<unsigned, MDNode *>> Attachments;
  for (const GlobalObject &Object : M.global_objects()) {
    Object.getAllMetadata(Attachments);
    take(Attachments);
  }
  for (const Function &F : M)
    for (const Instruction &I : instructions(F)) {
      if (I.hasMetadataOtherThanDebugLoc()) {
        I.getAllMetadataOtherThanDebugLoc(Attachments);
        take(Attachments);
      }
      if (auto *Call = dyn_cast<CallBase>(&I))
        HasOperandBundles |= Call->hasOperandBundles();
    }
}

// A block that holds nothing but its end.
static Bytes emptyBlock() { return Bytes(4, 0); }

static Bytes writeKinds(const Module &M, const SmallBitVector &Used) {
  SmallVector<StringRef> Names;
  M.getMDKindNames(Names);
  Bytes Block;
  {
    BitstreamWriter Writer(Block);
    Writer.EnterSubblock(bitc::METADATA_KIND_BLOCK_ID, /*CodeLen=*/3);
    for (unsigned Kind : Used.set_bits()) {
      SmallVector<uint64_t, 32> Record{Kind};
      Record.append(Names[Kind].bytes_begin(), Names[Kind].bytes_end());
      Writer.EmitRecord(bitc::METADATA_KIND, Record);
    }
    Writer.ExitBlock();
  }
  constexpr size_t HeaderSize = 8;
  return Bytes(Block.begin() + HeaderSize, Block.end());
}

Bytes writeCompactModule(const Module &M) {
  Bytes Whole = writeModule(M);
  UsedTables Used(M);
  Contents New;
  New[bitc::METADATA_KIND_BLOCK_ID] = writeKinds(M, Used.MetadataKinds);
  New[bitc::VALUE_SYMTAB_BLOCK_ID] = emptyBlock();
  if (!Used.HasOperandBundles)
    New[bitc::OPERAND_BUNDLE_TAGS_BLOCK_ID] = emptyBlock();
  return Compactor(Whole).run(New);
}

} // namespace finegrain
