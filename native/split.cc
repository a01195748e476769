// Turns a module into units: one for the whole of it, or one for each function.

#include "canonical.h"
#include "error.h"
#include "extract.h"
#include "module_io.h"
#include "names.h"
#include "partition.h"
#include "steps.h"
#include "tbaa.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/IR/AutoUpgrade.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InstIterator.h"

using namespace llvm;

namespace finegrain {

// Whether the module is sure to export it. The optimiser may discard a linkonce
// definition, so what an image holds would depend on the level.
static bool isExported(const GlobalValue &Global) {
  return !Global.isDeclaration() && !Global.isDiscardableIfUnused() &&
         !Global.hasHiddenVisibility() &&
         !Global.getName().starts_with("llvm.");
}

// A global slot is what a runtime fills in after loading: a variable of the
// size of a pointer that the program may write to.
static bool isSlot(const GlobalVariable &Variable) {
  const DataLayout &Layout = Variable.getDataLayout();
  return !Variable.isConstant() && !Variable.isThreadLocal() &&
         Variable.getValueType()->isSized() &&
         Layout.getTypeAllocSize(Variable.getValueType()) ==
             Layout.getPointerSize();
}

static void listExports(const Module &M, SplitModule &Result) {
  auto LinkName = [](const GlobalValue &Global) {
    return GlobalValue::dropLLVMManglingEscape(Global.getName());
  };
  for (const Function &F : M)
    if (isExported(F))
      appendName(Result.Functions, LinkName(F));
  for (const GlobalVariable &Variable : M.globals())
    if (isExported(Variable) && isSlot(Variable))
      appendName(Result.Slots, LinkName(Variable));
}

// Loads the module without its functions' bodies.
static Expected<std::unique_ptr<Module>> openModule(StringRef Bitcode,
                                                    LLVMContext &Context) {
  Expected<std::unique_ptr<Module>> M =
      getLazyBitcodeModule(MemoryBufferRef(Bitcode, ""), Context);
  if (!M)
    return stepError("INVALID_INPUT", M.takeError());
  // Loading it whole would do this at the end.
  UpgradeModuleFlags(**M);
  copyModuleAttrToFunctions(**M);
  return M;
}

// LLVM's reader drops all tags of TBAA, also of what it loads later, once one
// is wrong. What a unit is would then depend on what was loaded before it. The
// reader does not tell, so an access that nobody needs has a tag to lose.
static Instruction &addAccess(Module &M) {
  LLVMContext &Context = M.getContext();
  auto *Type = FunctionType::get(Type::getVoidTy(Context), /*isVarArg=*/false);
  auto *F = Function::Create(Type, Function::PrivateLinkage, "", M);
  IRBuilder<> Builder(BasicBlock::Create(Context, "", F));
  PointerType *Pointer = Builder.getPtrTy();
  Instruction *Access =
      Builder.CreateLoad(Pointer, ConstantPointerNull::get(Pointer));
  Access->setMetadata(LLVMContext::MD_tbaa, MDNode::get(Context, {}));
  Builder.CreateRetVoid();
  return *Access;
}

// Makes bytes of constant steps through types, as LLVM's first pass does. So a
// body does not have the types of a struct's other fields.
static void addressFieldsByBytes(Module &M) {
  const DataLayout &Layout = M.getDataLayout();
  if (Layout.isDefault()) // the target says later how large types are
    return;
  for (Function &F : M)
    for (Instruction &I : make_early_inc_range(instructions(F))) {
      auto *Address = dyn_cast<GetElementPtrInst>(&I);
      if (F.hasOptNone() || !Address || !Address->getType()->isPointerTy() ||
          Address->getSourceElementType()->isIntegerTy(8))
        continue;
      APInt Offset(Layout.getIndexTypeSizeInBits(Address->getType()), 0);
      if (!Address->accumulateConstantOffset(Layout, Offset))
        continue;
      Value *Start = Address->getPointerOperand();
      IRBuilder<> Builder(Address);
      Address->replaceAllUsesWith(
          Offset.isZero()
              ? Start
              : Builder.CreatePtrAdd(Start, Builder.getInt(Offset), "",
                                     Address->getNoWrapFlags()));
      Address->eraseFromParent();
    }
}

static void addUnit(SplitModule &Result, Module &M, StringRef Label,
                    const SymbolFacts &Facts = SymbolFacts()) {
  Result.Units.push_back(canonicalize(M, Facts));
  appendName(Result.Labels, Label);
}

static StringRef labelOf(const Group &G) {
  for (const GlobalValue *Member : G.Members)
    if (isa<Function>(Member))
      return GlobalValue::dropLLVMManglingEscape(Member->getName());
  return G.HasModuleAsm ? "assembly" : "data";
}

// The function that the group is, if it is that alone.
static Function *onlyFunction(const Group &G) {
  // The module's assembly, and what it asks of the linker, are no members.
  if (G.Members.size() != 1 || G.HasModuleAsm || !G.Used.empty() ||
      !G.CompilerUsed.empty())
    return nullptr;
  return dyn_cast<Function>(G.Members.front());
}

// Whether the group is to be a unit only if another refers to it. Most small
// functions are inlined wherever they are called.
static bool isOptional(const Group &G,
                       const DenseSet<const Function *> &Small) {
  Function *F = onlyFunction(G);
  return F && Small.contains(F) && F->isDiscardableIfUnused();
}

static DenseSet<const Function *> smallFunctions(const Module &M,
                                                 ArrayRef<char> AreSmall) {
  DenseSet<const Function *> Small;
  size_t Position = 0;
  for (const Function &F : M) {
    if (F.isDeclaration())
      continue;
    if (Position < AreSmall.size() && AreSmall[Position])
      Small.insert(&F);
    ++Position;
  }
  return Small;
}

namespace {
class Splitter {
public:
  Splitter(Module &M, const SplitOptions &Options, SplitModule &Result)
      : M(M), Options(Options), Result(Result),
        Small(smallFunctions(M, Options.ForSimplify ? Options.SmallFunctions
                                                    : ArrayRef<char>())),
        Prints(M, Small),
        Inliner(Small, Options.WithFingerprints ? &Prints : nullptr) {}
  Error run();

private:
  using Functions = ArrayRef<const Function *>;

  void choose();
  void listOptional();
  Expected<bool> add(uint32_t Index);
  Expected<std::string> fingerprint(uint32_t Index);
  std::vector<uint32_t> positionsOf(Functions Loaded) const;
  bool isMine(uint32_t Index) const {
    return !Options.Only && Index % Options.ShardCount == Options.Shard;
  }

  Module &M;
  const SplitOptions &Options;
  SplitModule &Result;
  DenseSet<const Function *> Small;
  Fingerprints Prints;
  PreInliner Inliner;
  ExtractOptions How;
  std::vector<Group> Groups;
  DenseMap<const Function *, uint32_t> Positions;
  DenseMap<const Function *, uint32_t> Optional; // with the group's index
  SetVector<uint32_t> Wanted;
  DenseMap<StringRef, uint32_t> Known; // places, by fingerprint
};
} // namespace

void Splitter::choose() {
  for (uint32_t I = 0; I != Groups.size(); ++I)
    if (isOptional(Groups[I], Small))
      Optional[cast<Function>(Groups[I].Members.front())] = I;
    else if (isMine(I))
      Wanted.insert(I);
  if (Options.Only)
    for (uint32_t I : *Options.Only)
      if (I < Groups.size()) // else what is remembered is of another module
        Wanted.insert(I);
}

std::vector<uint32_t> Splitter::positionsOf(Functions Loaded) const {
  std::vector<uint32_t> Found;
  for (const Function *F : Loaded)
    Found.push_back(Positions.lookup(F));
  return Found;
}

// Loads the group's function. Returns nothing where the unit is one of those
// that are known.
Expected<std::string> Splitter::fingerprint(uint32_t Index) {
  Function *F = onlyFunction(Groups[Index]);
  if (!F || !Options.ForSimplify || !Options.WithFingerprints)
    return "";
  auto Loaded = Inliner.load(*F);
  if (!Loaded)
    return Loaded.takeError();
  std::string Print = Prints.of(*Loaded);
  if (auto Found = Known.find(Print); Found != Known.end())
    Result.Known.push_back({Index, Found->second, positionsOf(*Loaded)});
  return Print;
}

// Returns false where the module must stay whole.
Expected<bool> Splitter::add(uint32_t Index) {
  Expected<std::string> Print = fingerprint(Index);
  if (!Print)
    return Print.takeError();
  if (Known.contains(*Print))
    return true;
  Expected<Extraction> Extracted = extract(M, Groups[Index], How);
  if (!Extracted)
    return Extracted.takeError();
  Result.WholeReason = std::move(Extracted->WholeReason);
  if (!Result.WholeReason.empty())
    return false;
  pruneAccessTypes(*Extracted->Unit);
  if (Options.ForSimplify)
    addressFieldsByBytes(*Extracted->Unit);
  addUnit(Result, *Extracted->Unit, labelOf(Groups[Index]), Extracted->Facts);
  Result.Indices.push_back(Index);
  Unit &Added = Result.Units.back();
  Added.Fingerprint = std::move(*Print);
  Added.Loaded = positionsOf(Extracted->Loaded);
  for (const Function *F : Extracted->Referenced)
    if (auto Found = Optional.find(F); Found != Optional.end())
      Wanted.insert(Found->second);
  return true;
}

// Whether these are units depends on units that are known, and are not looked
// into. What they were in an earlier version does not count: others may have
// referred to them.
void Splitter::listOptional() {
  for (uint32_t I = 0; I != Groups.size(); ++I)
    if ((Options.Only || isMine(I)) && isOptional(Groups[I], Small)) {
      Result.Optional.push_back(I);
      appendName(Result.OptionalNames,
                 nameInUnits(*Groups[I].Members.front(), How.Suffix));
    }
}

Error Splitter::run() {
  // Functions are checked when they are loaded. Of a module of which some units
  // are wanted again, the rest was checked before.
  if (Options.ForSimplify && !Options.Only)
    if (Error E = verify(M))
      return E;
  Partition Parts = partition(M, Options.ForSimplify);
  Result.WholeReason = std::move(Parts.WholeReason);
  if (!Result.WholeReason.empty())
    return Error::success();
  Groups = std::move(Parts.Groups);
  dropTypeNames(M);
  How.Suffix = promotedSuffix(Options.ModuleId);
  How.KeepTypeAliasing = Options.KeepTypeAliasing;
  if (Options.ForSimplify)
    How.Inliner = &Inliner;
  // Where code is only generated, nobody inlines.
  How.ImportAlwaysInlined = !Options.ForSimplify && Options.KeepTypeAliasing;
  // Before bodies are taken away.
  for (const Function &F : M)
    if (!F.isDeclaration())
      Positions.try_emplace(&F, Positions.size());
  constexpr size_t Size = Fingerprints::Size;
  for (size_t Place = 0; Place != Options.Known.size() / Size; ++Place)
    Known.try_emplace(StringRef(Options.Known).substr(Place * Size, Size),
                      Place);
  choose();
  if (Options.Only || !Known.empty())
    listOptional();
  const Instruction &Tagged = addAccess(M);
  for (size_t I = 0; I < Wanted.size(); ++I) {
    Expected<bool> IsSplit = add(Wanted[I]);
    if (!IsSplit)
      return IsSplit.takeError();
    if (!*IsSplit)
      return Error::success();
  }
  if (Options.KeepTypeAliasing && !Tagged.hasMetadata(LLVMContext::MD_tbaa))
    Result.WholeReason = "a tag of its type-based alias analysis is invalid";
  return Error::success();
}

Expected<SplitModule> splitModule(StringRef Bitcode,
                                  const SplitOptions &Options) {
  LLVMContext Context;
  Context.setDiscardValueNames(true);
  Diagnostics Problems(Context);
  Expected<std::unique_ptr<Module>> M = Options.ByFunction
                                            ? openModule(Bitcode, Context)
                                            : parseModule(Bitcode, Context);
  if (!M)
    return M.takeError();

  SplitModule Result;
  Result.Triple = (*M)->getTargetTriple().str();
  listExports(**M, Result);
  if (Options.ByFunction) {
    if (Error E = Splitter(**M, Options, Result).run())
      return E;
  } else {
    dropTypeNames(**M);
    addUnit(Result, **M, "module");
    Result.Indices.push_back(0);
  }
  return Result;
}

} // namespace finegrain
