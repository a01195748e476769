// Turns a module into units: one for the whole of it, or one for each function.

#include "canonical.h"
#include "error.h"
#include "extract.h"
#include "module_io.h"
#include "names.h"
#include "partition.h"
#include "steps.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/IR/AutoUpgrade.h"

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

static std::vector<uint32_t> wantedGroups(uint32_t Count,
                                          const SplitOptions &Options) {
  if (Options.Only)
    return *Options.Only;
  std::vector<uint32_t> Wanted;
  for (uint32_t I = Options.Shard; I < Count; I += Options.ShardCount)
    Wanted.push_back(I);
  return Wanted;
}

static Error splitByFunction(Module &M, const SplitOptions &Options,
                             SplitModule &Result) {
  Partition Parts = partition(M, Options.ForSimplify);
  Result.WholeReason = std::move(Parts.WholeReason);
  if (!Result.WholeReason.empty())
    return Error::success();
  dropTypeNames(M);
  ExtractOptions How;
  How.Suffix = promotedSuffix(Options.ModuleId);
  How.KeepTypeAliasing = Options.KeepTypeAliasing;
  // Where code is only generated, nobody inlines.
  How.ImportAlwaysInlined = !Options.ForSimplify && Options.KeepTypeAliasing;
  // Before bodies are taken away.
  DenseMap<const Function *, uint32_t> Positions;
  for (const Function &F : M)
    if (!F.isDeclaration())
      Positions.try_emplace(&F, Positions.size());
  std::vector<uint32_t> Wanted = wantedGroups(Parts.Groups.size(), Options);
  Result.Units.reserve(Wanted.size());
  for (uint32_t I : Wanted) {
    if (I >= Parts.Groups.size()) // what is remembered is of another module
      break;
    const Group &G = Parts.Groups[I];
    Expected<Extraction> Extracted = extract(M, G, How);
    if (!Extracted)
      return Extracted.takeError();
    if (!Extracted->WholeReason.empty()) {
      Result.WholeReason = std::move(Extracted->WholeReason);
      return Error::success();
    }
    addUnit(Result, *Extracted->Unit, labelOf(G), Extracted->Facts);
    for (const Function *F : Extracted->Loaded)
      Result.Units.back().Loaded.push_back(Positions.lookup(F));
  }
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
    if (Error E = splitByFunction(**M, Options, Result))
      return E;
  } else {
    dropTypeNames(**M);
    addUnit(Result, **M, "module");
  }
  return Result;
}

} // namespace finegrain
