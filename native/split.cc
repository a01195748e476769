// Turns a module into units. A body is canonical: neither names nor paths, the
// module's triple, unused declarations nor their order leave a trace in it.
//
// Declarations are put in the order in which the definitions first use them.
// Definitions keep their order, since it decides the object's layout.

#include "error.h"
#include "module_io.h"
#include "names.h"
#include "steps.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/TypeFinder.h"
#include "llvm/Support/BLAKE3.h"

using namespace llvm;

namespace finegrain {

namespace {
// Lists the global values of a module: definitions as they stand, then
// declarations by first use.
class SymbolOrder {
public:
  explicit SymbolOrder(Module &M) {
    for (GlobalValue &Global : M.global_values())
      if (!Global.isDeclaration())
        Symbols.insert(&Global);
    for (GlobalValue &Global : M.global_values())
      if (!Global.isDeclaration())
        addUsesIn(Global);
    // What only metadata refers to comes last.
    for (GlobalValue &Global : M.global_values())
      Symbols.insert(&Global);
  }

  ArrayRef<GlobalValue *> symbols() const { return Symbols.getArrayRef(); }

private:
  void addUsesIn(GlobalValue &Global) {
    for (Value *Operand : cast<User>(Global).operands())
      addValue(Operand);
    if (auto *F = dyn_cast<Function>(&Global))
      for (Instruction &I : instructions(*F))
        for (Value *Operand : I.operands())
          addValue(Operand);
  }

  void addValue(Value *Root) {
    SmallVector<Value *, 8> Pending{Root};
    while (!Pending.empty()) {
      Value *V = Pending.pop_back_val();
      if (auto *Global = dyn_cast_or_null<GlobalValue>(V)) {
        Symbols.insert(Global);
        continue;
      }
      auto *C = dyn_cast_or_null<Constant>(V);
      if (!C || !SeenConstants.insert(C).second)
        continue;
      for (Value *Operand : reverse(C->operands()))
        Pending.push_back(Operand);
    }
  }

  SetVector<GlobalValue *> Symbols;
  SmallPtrSet<Constant *, 32> SeenConstants;
};
} // namespace

static void eraseUnusedDeclarations(Module &M) {
  auto IsUnused = [](const GlobalObject &Object) {
    return Object.isDeclaration() && Object.use_empty() &&
           !Object.isUsedByMetadata();
  };
  for (Function &F : make_early_inc_range(M))
    if (IsUnused(F))
      F.eraseFromParent();
  for (GlobalVariable &Variable : make_early_inc_range(M.globals()))
    if (IsUnused(Variable))
      Variable.eraseFromParent();
}

static void moveDeclarationsLast(Module &M, ArrayRef<GlobalValue *> Symbols) {
  for (GlobalValue *Global : Symbols) {
    if (!Global->isDeclaration())
      continue;
    if (auto *F = dyn_cast<Function>(Global)) {
      F->removeFromParent();
      M.getFunctionList().push_back(F);
    } else if (auto *Variable = dyn_cast<GlobalVariable>(Global)) {
      M.removeGlobalVariable(Variable);
      M.insertGlobalVariable(Variable);
    }
  }
}

static void dropTypeNames(Module &M) {
  TypeFinder Types;
  Types.run(M, /*onlyNamed=*/true);
  for (StructType *Type : Types)
    Type->setName("");
}

static bool isExported(const GlobalValue &Global) {
  return !Global.isDeclaration() && !Global.hasLocalLinkage() &&
         Global.hasDefaultVisibility() &&
         !Global.hasAvailableExternallyLinkage() &&
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

static void listExports(const Module &M, Unit &Result) {
  for (const Function &F : M)
    if (isExported(F))
      appendName(Result.Functions,
                 GlobalValue::dropLLVMManglingEscape(F.getName()));
  for (const GlobalVariable &Variable : M.globals())
    if (isExported(Variable) && isSlot(Variable))
      appendName(Result.Slots,
                 GlobalValue::dropLLVMManglingEscape(Variable.getName()));
}

Expected<Unit> moduleUnit(StringRef Bitcode) {
  LLVMContext Context;
  Context.setDiscardValueNames(true);
  Diagnostics Problems(Context);
  Expected<std::unique_ptr<Module>> Parsed = parseModule(Bitcode, Context);
  if (!Parsed)
    return Parsed.takeError();
  Module &M = **Parsed;

  Unit Result;
  Result.Triple = M.getTargetTriple().str();
  listExports(M, Result);

  // First, since names that metadata holds are kept.
  if (NamedMDNode *Ident = M.getNamedMetadata("llvm.ident"))
    M.eraseNamedMetadata(Ident);
  eraseUnusedDeclarations(M);
  SymbolOrder Order(M);
  Result.LinkNames = assignLocalNames(M, Order.symbols());
  moveDeclarationsLast(M, Order.symbols());
  dropTypeNames(M);
  M.setTargetTriple(Triple());

  Result.Body = writeModule(M);
  Result.Digest = toHex(BLAKE3::hash(arrayRefFromStringRef(
                            StringRef(Result.Body.data(), Result.Body.size()))),
                        /*LowerCase=*/true);
  return Result;
}

} // namespace finegrain
