// A type is a node: its name, and pairs of a field's type and its offset. A
// scalar looks like a struct with one field, the type that it derives from. An
// access has a tag: the type at whose start it begins to count, the accessed
// type, and the offset. LLVM compares two tags by walking from one's type
// through the fields at its offset until it meets the other's type.

#include "tbaa.h"
#include "node_rewriter.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SmallBitVector.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/InstIterator.h"
#include <map>

using namespace llvm;

namespace finegrain {

static MDNode *nodeAt(const MDNode &Node, unsigned Operand) {
  return dyn_cast_or_null<MDNode>(Node.getOperand(Operand).get());
}

static std::optional<uint64_t> numberAt(const MDNode &Node, unsigned Operand) {
  auto *Number =
      mdconst::dyn_extract_or_null<ConstantInt>(Node.getOperand(Operand).get());
  return Number ? Number->getValue().tryZExtValue() : std::nullopt;
}

static MDString *nameOf(const MDNode &Type) {
  auto *Name = dyn_cast_or_null<MDString>(Type.getOperand(0).get());
  return Name && !Name->getString().empty() ? Name : nullptr;
}

// Older nodes of scalars, and those of another format, are left as they are.
static bool hasFields(const MDNode &Type) {
  if (Type.getNumOperands() < 3 || Type.getNumOperands() % 2 == 0 ||
      !isa_and_nonnull<MDString>(Type.getOperand(0).get()))
    return false;
  for (unsigned I = 1; I != Type.getNumOperands(); I += 2)
    if (!nodeAt(Type, I) || !numberAt(Type, I + 1))
      return false;
  return true;
}

// The operand that is the field at Offset, as LLVM finds it. 0: there is none.
static unsigned fieldAt(const MDNode &Type, uint64_t Offset) {
  unsigned Field = 0;
  for (unsigned I = 1; I != Type.getNumOperands(); I += 2)
    if (*numberAt(Type, I + 1) <= Offset)
      Field = I;
    else
      break;
  return Field;
}

bool isAccessTag(const MDNode &Node) {
  return Node.getNumOperands() >= 3 && nodeAt(Node, 0) && nodeAt(Node, 1) &&
         numberAt(Node, 2);
}

void walkAccess(const MDNode &Tag,
                function_ref<void(const MDNode &Type, unsigned Field)> Visit) {
  SmallPtrSet<const MDNode *, 8> Seen; // input may be a circle
  uint64_t Offset = *numberAt(Tag, 2);
  const MDNode *Type = nodeAt(Tag, 0);
  while (hasFields(*Type) && Seen.insert(Type).second) {
    unsigned Field = fieldAt(*Type, Offset);
    if (Field == 0)
      return;
    Visit(*Type, Field);
    Offset -= *numberAt(*Type, Field + 1);
    Type = nodeAt(*Type, Field);
  }
}

static void replaceTags(Module &M, function_ref<MDNode *(MDNode *)> NewTag) {
  for (Function &F : M)
    for (Instruction &I : instructions(F)) {
      if (!I.hasMetadataOtherThanDebugLoc())
        continue;
      for (unsigned Kind : {LLVMContext::MD_tbaa, LLVMContext::MD_tbaa_struct})
        if (MDNode *Tag = I.getMetadata(Kind))
          if (MDNode *New = NewTag(Tag); New != Tag)
            I.setMetadata(Kind, New);
    }
  NamedMDNode *Errno = M.getNamedMetadata("llvm.errno.tbaa");
  if (!Errno)
    return;
  SmallVector<MDNode *, 1> Tags;
  for (MDNode *Tag : Errno->operands())
    if (MDNode *New = NewTag(Tag))
      Tags.push_back(New);
  Errno->clearOperands();
  for (MDNode *Tag : Tags)
    Errno->addOperand(Tag);
  if (Tags.empty())
    M.eraseNamedMetadata(Errno);
}

static void rewriteTags(Module &M, NodeRewriter &Rewriter) {
  replaceTags(M, [&](MDNode *Tag) { return Rewriter.rewritten(Tag); });
}

// ---- Names

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
class Renamer : public NodeRewriter {
public:
  Renamer(LLVMContext &Context, function_ref<std::string(StringRef)> NewName)
      : NodeRewriter(Context), NewName(NewName) {}

private:
  MDString *nameFor(MDString *Name) override {
    return isKept(Name->getString())
               ? Name
               : MDString::get(Context, NewName(Name->getString()));
  }

  function_ref<std::string(StringRef)> NewName;
};
} // namespace

void renameAccessTypes(Module &M,
                       function_ref<std::string(StringRef)> NewName) {
  Renamer Names(M.getContext(), NewName);
  rewriteTags(M, Names);
}

void dropAccessTypes(Module &M) {
  replaceTags(M, [](MDNode *) { return nullptr; });
}

// ---- Fields

// Calls Visit for each node that M's accesses lead to, once.
static void forEachNode(Module &M, function_ref<void(MDNode &)> Visit) {
  SmallPtrSet<MDNode *, 32> Seen;
  replaceTags(M, [&](MDNode *Tag) {
    SmallVector<MDNode *, 16> Pending{Tag};
    while (!Pending.empty()) {
      MDNode *Node = Pending.pop_back_val();
      if (!Seen.insert(Node).second)
        continue;
      Visit(*Node);
      for (unsigned I = 0; I != Node->getNumOperands(); ++I)
        if (MDNode *Child = nodeAt(*Node, I))
          Pending.push_back(Child);
    }
    return Tag;
  });
}

namespace {
class Pruner : public NodeRewriter {
public:
  explicit Pruner(Module &M);

private:
  Operands operandsFor(const MDNode &Node) override;

  DenseMap<const MDNode *, SmallBitVector> Used; // operands
};

class Merger : public NodeRewriter {
public:
  explicit Merger(Module &M);
  bool isNeeded() const { return IsNeeded; }

private:
  Operands operandsFor(const MDNode &Node) override;
  MDNode *make(MDNode &Node) override;

  DenseMap<MDString *, SmallVector<MDNode *, 1>> TypesByName;
  bool IsNeeded = false;
};
} // namespace

Pruner::Pruner(Module &M) : NodeRewriter(M.getContext()) {
  forEachNode(M, [&](MDNode &Tag) {
    if (isAccessTag(Tag))
      walkAccess(Tag, [&](const MDNode &Type, unsigned Field) {
        if (!nameOf(Type))
          return;
        SmallBitVector &Operands = Used[&Type];
        Operands.resize(Type.getNumOperands());
        Operands.set(0).set(Field).set(Field + 1);
      });
  });
}

NodeRewriter::Operands Pruner::operandsFor(const MDNode &Node) {
  auto Found = Used.find(&Node);
  if (Found == Used.end())
    return NodeRewriter::operandsFor(Node);
  Operands Kept;
  for (unsigned I : Found->second.set_bits())
    Kept.push_back(Node.getOperand(I));
  return Kept;
}

void pruneAccessTypes(Module &M) {
  Pruner Fields(M);
  rewriteTags(M, Fields);
}

Merger::Merger(Module &M) : NodeRewriter(M.getContext()) {
  forEachNode(M, [&](MDNode &Node) {
    if (!hasFields(Node) || !nameOf(Node))
      return;
    auto &Types = TypesByName[nameOf(Node)];
    Types.push_back(&Node);
    IsNeeded |= Types.size() > 1;
  });
}

NodeRewriter::Operands Merger::operandsFor(const MDNode &Node) {
  auto Found =
      hasFields(Node) ? TypesByName.find(nameOf(Node)) : TypesByName.end();
  if (Found == TypesByName.end() || Found->second.size() == 1)
    return NodeRewriter::operandsFor(Node);
  std::map<uint64_t, std::pair<Metadata *, Metadata *>> Fields;
  for (const MDNode *Type : Found->second)
    for (unsigned I = 1; I != Type->getNumOperands(); I += 2)
      Fields.try_emplace(*numberAt(*Type, I + 1), Type->getOperand(I),
                         Type->getOperand(I + 1));
  Operands All{nameOf(Node)};
  for (auto &[_, Field] : Fields)
    All.append({Field.first, Field.second});
  return All;
}

// What a tag's way leads over must be the same in the merged types. It is not
// where two types have one name, as C allows in two files.
MDNode *Merger::make(MDNode &Node) {
  MDNode *New = NodeRewriter::make(Node);
  if (!New || New == &Node || !isAccessTag(Node))
    return New;
  auto WayOf = [](const MDNode &Tag) {
    SmallVector<const Metadata *, 8> Way;
    walkAccess(Tag, [&](const MDNode &Type, unsigned Field) {
      Way.append({Type.getOperand(0).get(), Type.getOperand(Field + 1).get()});
    });
    return Way;
  };
  return WayOf(Node) == WayOf(*New) ? New : nullptr;
}

void mergeAccessTypes(Module &M) {
  Merger Types(M);
  if (Types.isNeeded())
    rewriteTags(M, Types);
}

} // namespace finegrain
