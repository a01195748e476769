// Metadata is unique by its content within a context, and units of one module
// share theirs. So nodes are never changed: each is made anew with other names,
// and the accesses then refer to the new one.

#include "tbaa.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/IR/InstIterator.h"

using namespace llvm;

namespace finegrain {

static bool isKept(StringRef Name) {
  if (Name.contains('\0')) // no list of names can hold it
    return true;
  return StringSwitch<bool>(Name)
      .Case("vtable pointer", true) // LLVM asks for it
      .Cases({"Simple C/C++ TBAA", "Simple C++ TBAA", "omnipotent char"}, true)
      .Cases({"any pointer", "int"}, true)
      .Default(false);
}

namespace {
class AccessTypes {
public:
  AccessTypes(LLVMContext &Context,
              function_ref<std::string(StringRef)> NewName)
      : Context(Context), NewName(NewName) {}

  MDNode *renamed(MDNode *Root);

private:
  MDNode *withNewNames(MDNode *Node);

  LLVMContext &Context;
  function_ref<std::string(StringRef)> NewName;
  DenseMap<MDNode *, MDNode *> Renamed;
};
} // namespace

// Its operands have their new names already, unless they refer back to it,
// which LLVM's verifier will not have.
MDNode *AccessTypes::withNewNames(MDNode *Node) {
  SmallVector<Metadata *, 8> Operands;
  bool HasChanged = false;
  for (const MDOperand &Operand : Node->operands()) {
    Metadata *New = Operand.get();
    if (auto *Child = dyn_cast_or_null<MDNode>(New)) {
      if (MDNode *NewChild = Renamed.lookup(Child))
        New = NewChild;
    } else if (auto *Name = dyn_cast_or_null<MDString>(New)) {
      if (!isKept(Name->getString()))
        New = MDString::get(Context, NewName(Name->getString()));
    }
    HasChanged |= New != Operand.get();
    Operands.push_back(New);
  }
  return HasChanged ? MDNode::get(Context, Operands) : Node;
}

// Without recursion, since input decides how deep it would go. Null stands for
// a node whose operands are still to come.
MDNode *AccessTypes::renamed(MDNode *Root) {
  SmallVector<MDNode *, 16> Pending{Root};
  while (!Pending.empty()) {
    MDNode *Node = Pending.back();
    auto [Entry, IsNew] = Renamed.try_emplace(Node);
    if (IsNew) {
      for (const MDOperand &Operand : reverse(Node->operands()))
        if (auto *Child = dyn_cast_or_null<MDNode>(Operand.get()))
          if (!Renamed.contains(Child))
            Pending.push_back(Child);
      continue;
    }
    Pending.pop_back();
    if (!Entry->second)
      Entry->second = withNewNames(Node);
  }
  return Renamed.lookup(Root);
}

static void replaceTags(Module &M, function_ref<MDNode *(MDNode *)> NewTag) {
  for (Function &F : M)
    for (Instruction &I : instructions(F)) {
      if (!I.hasMetadataOtherThanDebugLoc())
        continue;
      for (unsigned Kind : {LLVMContext::MD_tbaa, LLVMContext::MD_tbaa_struct})
        if (MDNode *Tag = I.getMetadata(Kind))
          I.setMetadata(Kind, NewTag(Tag));
    }
}

void renameAccessTypes(Module &M,
                       function_ref<std::string(StringRef)> NewName) {
  AccessTypes Types(M.getContext(), NewName);
  replaceTags(M, [&](MDNode *Tag) { return Types.renamed(Tag); });
  if (NamedMDNode *Errno = M.getNamedMetadata("llvm.errno.tbaa"))
    for (unsigned I = 0; I != Errno->getNumOperands(); ++I)
      Errno->setOperand(I, Types.renamed(Errno->getOperand(I)));
}

void dropAccessTypes(Module &M) {
  replaceTags(M, [](MDNode *) { return nullptr; });
  if (NamedMDNode *Errno = M.getNamedMetadata("llvm.errno.tbaa"))
    M.eraseNamedMetadata(Errno);
}

} // namespace finegrain
