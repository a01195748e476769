#include "summary.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Analysis/InlineCost.h"
#include "llvm/IR/AttributeMask.h"
#include "llvm/IR/GlobalVariable.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/Module.h"

using namespace llvm;

namespace finegrain {

// What LLVM infers from a function's code. Others are a frontend's, and every
// declaration has them already.
static constexpr Attribute::AttrKind Proven[] = {
    Attribute::Captures,  Attribute::Cold,     Attribute::Memory,
    Attribute::NoAlias,   Attribute::NoFree,   Attribute::NoRecurse,
    Attribute::NoReturn,  Attribute::NoSync,   Attribute::NoUndef,
    Attribute::NoUnwind,  Attribute::NonNull,  Attribute::ReadNone,
    Attribute::ReadOnly,  Attribute::Returned, Attribute::WillReturn,
    Attribute::WriteOnly,
};

// "index:name=value," for each; the index is AttributeList's own.
std::string provenAttributes(const Function &F) {
  std::string Text;
  if (!F.hasExactDefinition())
    return Text;
  AttributeList List = F.getAttributes();
  for (unsigned Index : List.indexes())
    for (Attribute::AttrKind Kind : Proven) {
      Attribute A = List.getAttributeAtIndex(Index, Kind);
      if (!A.isValid())
        continue;
      Text += (Twine(Index) + ":" + Attribute::getNameFromAttrKind(Kind)).str();
      if (A.isIntAttribute())
        Text += ("=" + Twine(A.getValueAsInt())).str();
      Text += ",";
    }
  return Text;
}

static bool takesIndex(const Function &F, unsigned Index) {
  return Index == AttributeList::FunctionIndex ||
         Index < AttributeList::FirstArgIndex + F.arg_size();
}

static bool canHave(const Function &F, unsigned Index, Attribute A) {
  if (Index == AttributeList::FunctionIndex)
    return true;
  Type *T = Index == AttributeList::ReturnIndex
                ? F.getReturnType()
                : F.getArg(Index - AttributeList::FirstArgIndex)->getType();
  if (A.hasKindAsEnum() && A.getKindAsEnum() == Attribute::Returned)
    return T == F.getReturnType();
  AttributeSet Alone = AttributeSet::get(F.getContext(), {A});
  return !AttributeFuncs::typeIncompatible(T, Alone).contains(
      A.getKindAsEnum());
}

void addProvenAttributes(Function &F, StringRef Text) {
  for (StringRef Item : split(Text.drop_back(), ',')) {
    auto [Place, NameAndValue] = Item.split(':');
    auto [Name, Value] = NameAndValue.split('=');
    unsigned Index;
    uint64_t Number = 0;
    Attribute::AttrKind Kind = Attribute::getAttrKindFromName(Name);
    if (Place.getAsInteger(10, Index) || !takesIndex(F, Index) ||
        Kind == Attribute::None ||
        (!Value.empty() && Value.getAsInteger(10, Number)))
      continue;
    if (Kind == Attribute::Memory && Index == AttributeList::FunctionIndex) {
      F.setMemoryEffects(F.getMemoryEffects() &
                         MemoryEffects::createFromIntValue(Number));
      continue;
    }
    if (F.getAttributes().hasAttributeAtIndex(Index, Kind))
      continue;
    Attribute A = Attribute::get(F.getContext(), Kind, Number);
    if (canHave(F, Index, A))
      F.addAttributeAtIndex(Index, A);
  }
}

// Whether a copy of what C refers to would do as well in another unit.
static bool canBeCopied(const Constant &Root) {
  SmallVector<const Constant *, 8> Pending{&Root};
  SmallPtrSet<const Constant *, 16> Seen;
  while (!Pending.empty()) {
    const Constant *C = Pending.pop_back_val();
    if (!Seen.insert(C).second)
      continue;
    if (isa<BlockAddress>(C))
      return false;
    if (auto *Global = dyn_cast<GlobalValue>(C)) {
      if (!Global->hasLocalLinkage())
        continue;
      auto *Variable = dyn_cast<GlobalVariable>(Global);
      if (!Variable || !Variable->isConstant() ||
          !Variable->hasGlobalUnnamedAddr() || !Variable->hasInitializer())
        return false;
      Pending.push_back(Variable->getInitializer());
      continue;
    }
    for (const Value *Operand : C->operands())
      if (auto *Child = dyn_cast<Constant>(Operand))
        Pending.push_back(Child);
  }
  return true;
}

unsigned importSize(Function &F) {
  if (F.hasFnAttribute(Attribute::NoInline) ||
      F.hasFnAttribute(Attribute::OptimizeNone) || F.isInterposable() ||
      F.isPresplitCoroutine() || F.hasPrefixData() || F.hasPrologueData() ||
      !isInlineViable(F).isSuccess())
    return 0;
  unsigned Size = 1; // an empty function has a size too
  for (Instruction &I : instructions(F)) {
    for (const Value *Operand : I.operands())
      if (auto *C = dyn_cast<Constant>(Operand); C && !canBeCopied(*C))
        return 0;
    if (!I.isDebugOrPseudoInst() && !I.isLifetimeStartOrEnd())
      ++Size;
  }
  // The inliner's thresholds: 225, and 325 where the source says "inline".
  return F.hasFnAttribute(Attribute::InlineHint) ? Size * 9 / 13 + 1 : Size;
}

} // namespace finegrain
