#include "partition.h"
#include "names.h"
#include "target.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/EquivalenceClasses.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/IR/Constants.h"
#include "llvm/Object/ModuleSymbolTable.h"
#include "llvm/Object/SymbolicFile.h"

using namespace llvm;

namespace finegrain {

// Larger constants would swell .rodata if every user had its own.
static constexpr uint64_t MaxCopiedSize = 256;

static constexpr StringLiteral LinkerOptionNameList[] = {
    "llvm.linker.options", "llvm.dependent-libraries", "llvm.commandline"};
const ArrayRef<StringLiteral> LinkerOptionNames = LinkerOptionNameList;

static constexpr StringLiteral SymbolAttributeList[] = {
    "alloc-variant-zeroed", "probe-stack", "vector-function-abi-variant"};
const ArrayRef<StringLiteral> SymbolAttributes = SymbolAttributeList;

static bool isUsedList(const GlobalValue &Global) {
  return Global.getName() == "llvm.used" ||
         Global.getName() == "llvm.compiler.used";
}

bool isCopiedIntoUnits(const GlobalVariable &Variable) {
  return Variable.isConstant() && Variable.hasPrivateLinkage() &&
         Variable.hasAtLeastLocalUnnamedAddr() && Variable.hasInitializer() &&
         !Variable.isThreadLocal() && !Variable.hasSection() &&
         !Variable.hasComdat() && !Variable.hasMetadata() &&
         Variable.getDataLayout().getTypeAllocSize(Variable.getValueType()) <=
             MaxCopiedSize;
}

StringRef internalNameIn(StringRef Text, const Module &M) {
  TextWords Words;
  Words.add(Text);
  for (const GlobalValue &Global : M.global_values())
    if (Global.hasLocalLinkage() && Global.hasName() &&
        Words.mayHold(Global.getName()))
      return Global.getName();
  return "";
}

namespace {
class Partitioner {
public:
  Partitioner(Module &M, bool ImportOnly) : M(M), ImportOnly(ImportOnly) {}
  Partition run();

private:
  void keepTogether(GlobalValue *A, GlobalValue *B) {
    if (A && B && A != B)
      Classes.unionSets(A, B);
  }
  void joinAliases();
  void joinComdats();
  void joinAssociated();
  void joinBlockAddresses();
  void checkModuleAsm();
  bool isOwned(const GlobalValue &Global) const;
  void collect();

  Module &M;
  bool ImportOnly;
  EquivalenceClasses<GlobalValue *> Classes;
  SmallPtrSet<GlobalValue *, 8> NamedInAsm;
  Partition Result;
};
} // namespace

// Whether some unit defines Global.
bool Partitioner::isOwned(const GlobalValue &Global) const {
  if (Global.isDeclaration() || isUsedList(Global))
    return false;
  if (Global.hasAvailableExternallyLinkage())
    return ImportOnly && isa<Function>(Global);
  auto *Variable = dyn_cast<GlobalVariable>(&Global);
  return !Variable || !isCopiedIntoUnits(*Variable);
}

// An alias stays with its aliasee, an ifunc with its resolver.
void Partitioner::joinAliases() {
  for (GlobalAlias &Alias : M.aliases())
    keepTogether(&Alias, Alias.getAliaseeObject());
  for (GlobalIFunc &IFunc : M.ifuncs())
    keepTogether(&IFunc, IFunc.getResolverFunction());
}

// The linker keeps or drops a comdat group as one.
void Partitioner::joinComdats() {
  DenseMap<const Comdat *, GlobalValue *> First;
  for (GlobalObject &Object : M.global_objects())
    if (const Comdat *C = Object.getComdat())
      keepTogether(First.try_emplace(C, &Object).first->second, &Object);
}

void Partitioner::joinAssociated() {
  for (GlobalVariable &Variable : M.globals())
    if (MDNode *Node = Variable.getMetadata(LLVMContext::MD_associated))
      if (auto *Other = dyn_cast_or_null<ValueAsMetadata>(Node->getOperand(0)))
        keepTogether(&Variable, dyn_cast<GlobalValue>(
                                    Other->getValue()->stripPointerCasts()));
}

// A table of labels stays with the function that has them.
void Partitioner::joinBlockAddresses() {
  for (GlobalVariable &Variable : M.globals()) {
    if (!Variable.hasInitializer())
      continue;
    SmallVector<Constant *, 8> Pending{Variable.getInitializer()};
    SmallPtrSet<Constant *, 16> Seen;
    while (!Pending.empty()) {
      Constant *C = Pending.pop_back_val();
      if (auto *Address = dyn_cast<BlockAddress>(C)) {
        keepTogether(&Variable, Address->getFunction());
        continue;
      }
      if (isa<GlobalValue>(C))
        continue;
      for (Value *Operand : C->operands())
        if (auto *Child = dyn_cast<Constant>(Operand))
          if (Seen.insert(Child).second)
            Pending.push_back(Child);
    }
  }
}

// What module-level assembly names must be visible to it from elsewhere, or
// move with it.
void Partitioner::checkModuleAsm() {
  StringRef Text = M.getModuleInlineAsm();
  if (Text.empty())
    return;
  StringRef Internal = internalNameIn(Text, M);
  if (!Internal.empty())
    Result.WholeReason =
        ("module-level assembly names the internal symbol '" + Internal + "'")
            .str();
  TextWords Words;
  Words.add(Text);
  for (GlobalValue &Global : M.global_values())
    if (isOwned(Global) && Global.hasName() && Words.mayHold(Global.getName()))
      NamedInAsm.insert(&Global);
  for (GlobalValue *Global : NamedInAsm)
    keepTogether(*NamedInAsm.begin(), Global);

  initializeTargets();
  ModuleSymbolTable::CollectAsmSymbols(
      M, [&](StringRef Name, object::BasicSymbolRef::Flags Flags) {
        bool IsSeenOutside = Flags & (object::BasicSymbolRef::SF_Global |
                                      object::BasicSymbolRef::SF_Weak |
                                      object::BasicSymbolRef::SF_Undefined);
        if (!IsSeenOutside && M.getNamedValue(Name))
          Result.WholeReason = ("module-level assembly defines '" + Name +
                                "' for this module alone")
                                   .str();
      });
}

// Functions that ended up in one class make one group, whatever else is in the
// class goes with them, and all the rest is data.
void Partitioner::collect() {
  DenseMap<GlobalValue *, size_t> GroupOfLeader;
  auto LeaderOf = [&](GlobalValue &Global) {
    auto Found = Classes.findLeader(&Global);
    return Found == Classes.member_end() ? &Global : *Found;
  };
  for (Function &F : M)
    if (isOwned(F))
      if (GroupOfLeader.try_emplace(LeaderOf(F), Result.Groups.size()).second)
        Result.Groups.emplace_back();

  if (!M.getModuleInlineAsm().empty()) {
    size_t Index = Result.Groups.size();
    if (!NamedInAsm.empty())
      Index = GroupOfLeader.try_emplace(LeaderOf(**NamedInAsm.begin()), Index)
                  .first->second;
    if (Index == Result.Groups.size())
      Result.Groups.emplace_back();
    Result.Groups[Index].HasModuleAsm = true;
  }

  SmallVector<GlobalValue *, 0> Listed, CompilerListed;
  collectUsedGlobalVariables(M, Listed, /*CompilerUsed=*/false);
  collectUsedGlobalVariables(M, CompilerListed, /*CompilerUsed=*/true);
  SmallPtrSet<GlobalValue *, 8> Used(llvm::from_range, Listed);
  SmallPtrSet<GlobalValue *, 8> CompilerUsed(llvm::from_range, CompilerListed);

  Group Data;
  for (GlobalValue &Global : M.global_values()) {
    if (!isOwned(Global))
      continue;
    auto Found = GroupOfLeader.find(LeaderOf(Global));
    Group &Owner =
        Found == GroupOfLeader.end() ? Data : Result.Groups[Found->second];
    Owner.Members.push_back(&Global);
    if (Used.contains(&Global))
      Owner.Used.push_back(&Global);
    if (CompilerUsed.contains(&Global))
      Owner.CompilerUsed.push_back(&Global);
  }
  Data.HasLinkerOptions = any_of(LinkerOptionNames, [this](StringRef Name) {
    return M.getNamedMetadata(Name) != nullptr;
  });
  if (!Data.Members.empty() || Data.HasLinkerOptions)
    Result.Groups.push_back(std::move(Data));
}

Partition Partitioner::run() {
  if (M.getNamedMetadata("llvm.dbg.cu")) {
    Result.WholeReason = "it has debug information";
    return std::move(Result);
  }
  joinAliases();
  joinComdats();
  joinAssociated();
  joinBlockAddresses();
  checkModuleAsm();
  if (Result.WholeReason.empty())
    collect();
  return std::move(Result);
}

Partition partition(Module &M, bool ImportOnly) {
  return Partitioner(M, ImportOnly).run();
}

} // namespace finegrain
