// Declarations are put in the order in which the definitions first use them.
// Definitions keep their order, since it decides the object's layout.

#include "canonical.h"
#include "compact.h"
#include "names.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/IR/AttributeMask.h"
#include "llvm/IR/Attributes.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Instructions.h"
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
      if (!C || C->getNumOperands() == 0 || !SeenConstants.insert(C).second)
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

// The inliner names alias scopes after functions.
static void dropScopeNames(const MDNode *Scopes) {
  auto DropName = [](MDNode *Node, unsigned Operand) {
    if (Node && Node->getNumOperands() > Operand &&
        isa_and_nonnull<MDString>(Node->getOperand(Operand)))
      Node->replaceOperandWith(Operand, MDString::get(Node->getContext(), ""));
  };
  for (const MDOperand &Operand : Scopes->operands()) {
    auto *Scope = dyn_cast_or_null<MDNode>(Operand.get());
    if (!Scope || Scope->getNumOperands() < 2)
      continue;
    DropName(Scope, 2);
    DropName(dyn_cast_or_null<MDNode>(Scope->getOperand(1).get()), 1);
  }
}

// Metadata that holds names, or where something stood in the source.
static void dropTellingMetadata(Module &M) {
  unsigned SourceLocation = M.getMDKindID("srcloc");
  for (Function &F : M)
    for (Instruction &I : instructions(F)) {
      if (!I.hasMetadataOtherThanDebugLoc())
        continue;
      I.setMetadata(SourceLocation, nullptr); // of inline assembly
      for (unsigned Kind :
           {LLVMContext::MD_alias_scope, LLVMContext::MD_noalias})
        if (const MDNode *Scopes = I.getMetadata(Kind))
          dropScopeNames(Scopes);
    }
}

// Frontends repeat on declarations how functions of their own are compiled.
// Only definitions are asked, and it would be half of a small unit.
static void dropUnreadAttributes(Module &M) {
  AttributeMask Unread;
  for (StringRef Kind : {"min-legal-vector-width", "no-trapping-math",
                         "stack-protector-buffer-size", "target-cpu",
                         "target-features", "tune-cpu"})
    Unread.addAttribute(Kind);
  DenseMap<AttributeList, AttributeList> Short;
  for (Function &F : M) {
    if (!F.isDeclaration() || !F.getAttributes().hasFnAttrs())
      continue;
    auto [Entry, IsNew] = Short.try_emplace(F.getAttributes());
    if (IsNew)
      Entry->second =
          F.getAttributes().removeFnAttributes(M.getContext(), Unread);
    F.setAttributes(Entry->second);
  }
}

void dropTypeNames(Module &M) {
  for (StructType *Type : M.getIdentifiedStructTypes())
    Type->setName("");
}

Unit canonicalize(Module &M, const SymbolFacts &Facts, bool Again) {
  Unit Result;
  // First, since names that metadata holds are kept.
  if (NamedMDNode *Ident = M.getNamedMetadata("llvm.ident"))
    M.eraseNamedMetadata(Ident);
  eraseUnusedDeclarations(M);
  SymbolOrder Order(M);
  assignLocalNames(M, Order.symbols(), Again, Result);
  moveDeclarationsLast(M, Order.symbols());
  describeSymbols(M, Facts, Result);
  dropTellingMetadata(M);
  dropUnreadAttributes(M);
  M.setTargetTriple(Triple());

  Result.Body = writeCompactModule(M);
  StringRef Body(Result.Body.data(), Result.Body.size());
  Result.Digest = toHex(BLAKE3::hash(arrayRefFromStringRef(Body)),
                        /*LowerCase=*/true);
  return Result;
}

} // namespace finegrain
