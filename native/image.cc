// The tables of an image, and reading them back.
//
// The root is the symbol jl_image_pointers, with Julia's layout (its
// processor.h: jl_image_pointers_t, jl_image_header_t, jl_image_shard_t). There
// is one shard for the whole image. Global slots are 32-bit offsets from their
// own table, which the linker resolves; so nothing but the function pointers
// needs work when the image is loaded. Beside it stand the names by index, and
// the target in a section that can be read without loading the image.

#include "error.h"
#include "module_io.h"
#include "names.h"
#include "steps.h"
#include "target.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/TargetParser/Host.h"
#include <dlfcn.h>

using namespace llvm;

namespace finegrain {

static constexpr uint32_t ImageVersion = 1;
static constexpr StringLiteral RootSymbol = "jl_image_pointers";
static constexpr StringLiteral FunctionNamesSymbol =
    "finegrain_image_functions";
static constexpr StringLiteral SlotNamesSymbol = "finegrain_image_slots";
static constexpr StringLiteral TargetSection = ".finegrain.image";

// In Julia's tables the top bit of a length says "all functions".
static constexpr uint32_t CloneAllTag = 0x80000000;

// ---- writing

namespace {
class TableBuilder {
public:
  TableBuilder(Module &M)
      : M(M), Context(M.getContext()), Int32(Type::getInt32Ty(Context)),
        Int64(Type::getInt64Ty(Context)),
        Pointer(PointerType::getUnqual(Context)) {}

  void build(const ImageContent &Content);

private:
  Constant *null() { return ConstantPointerNull::get(Pointer); }
  // Private, and without a name: the user's symbols may have any.
  GlobalVariable *table(Constant *Value) {
    return new GlobalVariable(M, Value->getType(), /*isConstant=*/true,
                              GlobalValue::PrivateLinkage, Value);
  }
  void publish(Constant *Value, StringRef Name) {
    new GlobalVariable(M, Value->getType(), /*isConstant=*/true,
                       GlobalValue::ExternalLinkage, Value, Name);
  }
  GlobalVariable *numbers(ArrayRef<uint32_t> Values) {
    return table(ConstantDataArray::get(Context, Values));
  }
  GlobalVariable *counting(size_t Count) {
    SmallVector<uint32_t, 0> Indices(Count);
    for (size_t I = 0; I != Count; ++I)
      Indices[I] = I;
    return numbers(Indices);
  }
  Constant *text(StringRef Text) {
    return ConstantDataArray::getString(Context, Text);
  }
  GlobalVariable *functionPointers(ArrayRef<StringRef> Names);
  GlobalVariable *slotOffsets(ArrayRef<StringRef> Names);

  Module &M;
  LLVMContext &Context;
  Type *Int32, *Int64;
  PointerType *Pointer;
};
} // namespace

GlobalVariable *TableBuilder::functionPointers(ArrayRef<StringRef> Names) {
  SmallVector<Constant *, 0> Pointers;
  auto *AnyFunction = FunctionType::get(Type::getVoidTy(Context), false);
  for (StringRef Name : Names)
    Pointers.push_back(
        cast<Constant>(M.getOrInsertFunction(Name, AnyFunction).getCallee()));
  return table(
      ConstantArray::get(ArrayType::get(Pointer, Pointers.size()), Pointers));
}

GlobalVariable *TableBuilder::slotOffsets(ArrayRef<StringRef> Names) {
  auto *Table = ArrayType::get(Int32, Names.size() + 1);
  auto *Variable = new GlobalVariable(M, Table, /*isConstant=*/true,
                                      GlobalValue::PrivateLinkage, nullptr);
  auto *Base = ConstantExpr::getPtrToInt(Variable, Int64);
  SmallVector<Constant *, 0> Values{ConstantInt::get(Int32, Names.size())};
  for (StringRef Name : Names) {
    auto *Slot = cast<GlobalVariable>(M.getOrInsertGlobal(Name, Pointer));
    Slot->setDSOLocal(true);
    auto *Address = ConstantExpr::getPtrToInt(Slot, Int64);
    Values.push_back(
        ConstantExpr::getTrunc(ConstantExpr::getSub(Address, Base), Int32));
  }
  Variable->setInitializer(ConstantArray::get(Table, Values));
  return Variable;
}

void TableBuilder::build(const ImageContent &Content) {
  std::vector<StringRef> Functions = unpackNames(Content.Functions);
  std::vector<StringRef> Slots = unpackNames(Content.Slots);
  uint32_t FunctionCount = Functions.size(), SlotCount = Slots.size();

  GlobalVariable *Header =
      numbers({ImageVersion, /*nshards=*/1, FunctionCount, SlotCount});
  GlobalVariable *Count = table(ConstantInt::get(Int64, FunctionCount));
  // Empty clone tables: no relocated slot, and one target with every function.
  Constant *Shard = ConstantStruct::getAnon(
      {Count, functionPointers(Functions), counting(FunctionCount),
       slotOffsets(Slots), counting(SlotCount), /*clone_slots=*/numbers({0}),
       /*clone_ptrs=*/null(), /*clone_idxs=*/numbers({CloneAllTag})});

  // A newline ends each: names of targets, CPUs and features hold none.
  std::string Target =
      ("finegrain image " + Twine(ImageVersion) + "\n" + Content.Triple + "\n" +
       Content.CPU + "\n" + Content.Features + "\n")
          .str();
  GlobalVariable *TargetText = table(text(Target));
  TargetText->setSection(TargetSection);
  publish(ConstantStruct::getAnon({Header, table(Shard), /*ptls=*/null(),
                                   /*small_typeof=*/null(), TargetText,
                                   table(text(Content.CPU))}),
          RootSymbol);
  publish(text(Content.Functions), FunctionNamesSymbol);
  publish(text(Content.Slots), SlotNamesSymbol);
}

// Several modules may define one weak symbol; the linker keeps one.
static PackedNames withoutDuplicates(StringRef Packed) {
  PackedNames Unique;
  StringSet<> Seen;
  for (StringRef Name : unpackNames(Packed))
    if (Seen.insert(Name).second)
      appendName(Unique, Name);
  return Unique;
}

static Error checkNames(StringRef Packed) {
  for (StringRef Name : unpackNames(Packed))
    if (is_contained({RootSymbol, FunctionNamesSymbol, SlotNamesSymbol}, Name))
      return stepError("INVALID_INPUT", "'" + Name +
                                            "' is a name of the image's own: "
                                            "no input may define it");
  return Error::success();
}

Expected<Bytes> imageTables(const ImageContent &Content) {
  for (StringRef Packed : {Content.Functions, Content.Slots})
    if (Error E = checkNames(Packed))
      return E;
  LLVMContext Context;
  Module M("", Context);
  EmitOptions Options;
  Options.Triple = Content.Triple;
  Expected<std::unique_ptr<TargetMachine>> TM =
      createTargetMachine(Options, std::nullopt, /*HasDebugInfo=*/false);
  if (!TM)
    return TM.takeError();
  M.setDataLayout((*TM)->createDataLayout());
  if (M.getDataLayout().getPointerSize() != 8)
    return stepError("UNKNOWN_TARGET", "an image needs a 64-bit target");
  PackedNames Functions = withoutDuplicates(Content.Functions);
  PackedNames Slots = withoutDuplicates(Content.Slots);
  ImageContent Unique = Content;
  Unique.Functions = StringRef(Functions.data(), Functions.size());
  Unique.Slots = StringRef(Slots.data(), Slots.size());
  TableBuilder(M).build(Unique);
  return writeModule(M);
}

// ---- reading

namespace {
struct RawHeader {
  uint32_t Version, ShardCount, FunctionCount, SlotCount;
};
struct RawShard {
  const uint64_t *FunctionCount;
  void *const *Functions;
  const uint32_t *FunctionIndices;
  const int32_t *SlotOffsets;
  const uint32_t *SlotIndices;
  const int32_t *CloneSlots;
  void *const *Clones;
  const uint32_t *CloneIndices;
};
struct RawRoot {
  const RawHeader *Header;
  const RawShard *Shards;
};

struct ImageTarget {
  StringRef Version, Triple, CPU, Features;
};
} // namespace

// Reads the target from the file: what was built for another machine must not
// be loaded, since its constructors would run.
static Expected<std::string> readTargetSection(const std::string &Path) {
  Expected<object::OwningBinary<object::ObjectFile>> File =
      object::ObjectFile::createObjectFile(Path);
  if (!File)
    return stepError("INVALID_IMAGE", File.takeError());
  for (const object::SectionRef &Section : File->getBinary()->sections()) {
    Expected<StringRef> Name = Section.getName();
    if (!Name)
      return stepError("INVALID_IMAGE", Name.takeError());
    if (*Name != TargetSection)
      continue;
    Expected<StringRef> Content = Section.getContents();
    if (!Content)
      return stepError("INVALID_IMAGE", Content.takeError());
    return Content->str();
  }
  return stepError("INVALID_IMAGE", "this is no finegrain image");
}

static ImageTarget parseTarget(StringRef Text) {
  SmallVector<StringRef, 4> Lines;
  Text.split(Lines, '\n');
  Lines.resize(4);
  return {Lines[0], Lines[1], Lines[2], Lines[3]};
}

static Error checkMachine(const ImageTarget &Image) {
  Triple TT(Image.Triple), HostTriple(sys::getDefaultTargetTriple());
  if (TT.getArch() != HostTriple.getArch())
    return stepError("IMAGE_TARGET", "the image is for " + TT.getArchName() +
                                         ", this machine is " +
                                         HostTriple.getArchName());
  initializeTargets();
  std::string Message;
  const Target *T = TargetRegistry::lookupTarget(TT, Message);
  if (!T)
    return stepError("IMAGE_TARGET", Message);
  if (Error E = checkProcessor(*T, TT, Image.CPU, Image.Features))
    return stepError("IMAGE_TARGET", std::move(E));
  std::unique_ptr<MCSubtargetInfo> Needed(
      T->createMCSubtargetInfo(TT, Image.CPU, Image.Features));
  std::string Missing;
  for (const auto &Feature : sys::getHostCPUFeatures())
    if (!Feature.second && Needed->checkFeatures(("+" + Feature.first()).str()))
      Missing += (" " + Feature.first()).str();
  if (!Missing.empty())
    return stepError("IMAGE_TARGET", "the image was built for CPU '" +
                                         Image.CPU +
                                         "'; this machine lacks:" + Missing);
  return Error::success();
}

static Error readTables(const RawRoot &Root, LoadedImage &Image) {
  const RawHeader &Header = *Root.Header;
  Image.Version = Header.Version;
  Image.ShardCount = Header.ShardCount;
  Image.Functions.resize(Header.FunctionCount);
  Image.Slots.resize(Header.SlotCount);
  for (const RawShard &Shard : ArrayRef(Root.Shards, Header.ShardCount)) {
    for (uint64_t I = 0; I != *Shard.FunctionCount; ++I) {
      if (Shard.FunctionIndices[I] >= Header.FunctionCount)
        return stepError("INVALID_IMAGE", "a function index is out of range");
      Image.Functions[Shard.FunctionIndices[I]] =
          reinterpret_cast<uint64_t>(Shard.Functions[I]);
    }
    auto Base = reinterpret_cast<uint64_t>(Shard.SlotOffsets);
    for (int32_t I = 0; I != Shard.SlotOffsets[0]; ++I) {
      if (Shard.SlotIndices[I] >= Header.SlotCount)
        return stepError("INVALID_IMAGE", "a slot index is out of range");
      Image.Slots[Shard.SlotIndices[I]] =
          Base + static_cast<int64_t>(Shard.SlotOffsets[I + 1]);
    }
  }
  return Error::success();
}

static std::string readNames(void *Handle, StringRef Symbol, size_t Count) {
  const auto *Start = static_cast<const char *>(dlsym(Handle, Symbol.data()));
  const char *End = Start;
  for (size_t I = 0; Start && I != Count; ++I)
    End += strlen(End) + 1;
  return std::string(Start, End);
}

Expected<LoadedImage> openImage(const std::string &Path) {
  Expected<std::string> Text = readTargetSection(Path);
  if (!Text)
    return Text.takeError();
  ImageTarget Target = parseTarget(*Text);
  if (Target.Version != ("finegrain image " + Twine(ImageVersion)).str())
    return stepError("IMAGE_VERSION", "the image says '" + Target.Version +
                                          "'; this finegrain reads version " +
                                          Twine(ImageVersion));
  if (Error E = checkMachine(Target))
    return E;

  LoadedImage Image;
  Image.Handle = dlopen(Path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!Image.Handle)
    return stepError("INVALID_IMAGE", dlerror());
  const auto *Root =
      static_cast<const RawRoot *>(dlsym(Image.Handle, RootSymbol.data()));
  Error Failure = Error::success();
  if (!Root)
    Failure = joinErrors(std::move(Failure),
                         stepError("INVALID_IMAGE", "no symbol " + RootSymbol));
  else if (Root->Header->Version != ImageVersion)
    Failure = joinErrors(
        std::move(Failure),
        stepError("IMAGE_VERSION",
                  "unknown image version " + Twine(Root->Header->Version)));
  else
    Failure = joinErrors(std::move(Failure), readTables(*Root, Image));
  if (Failure) {
    dlclose(Image.Handle);
    return Failure;
  }
  Image.FunctionNames =
      readNames(Image.Handle, FunctionNamesSymbol, Image.Functions.size());
  Image.SlotNames =
      readNames(Image.Handle, SlotNamesSymbol, Image.Slots.size());
  return Image;
}

void closeImage(void *Handle) { dlclose(Handle); }

} // namespace finegrain
