#include "fingerprint.h"
#include "partition.h"
#include "steps.h"
#include "tbaa.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/Operator.h"
#include "llvm/Support/BLAKE3.h"

using namespace llvm;

namespace finegrain {

// What is referred to is numbered in the order in which that happens, and
// described once, at the end. So nothing is visited by recursion, and cycles
// need no care.
class Fingerprints::Digester {
public:
  explicit Digester(Fingerprints &Owner) : Owner(Owner) {}

  void addFrame();
  void addAccessesOfErrno();
  void addText(StringRef Text) { appendText(Content, Text); }
  void addListing(const Listing &L);
  std::optional<std::string> finish();

private:
  struct Numbered {
    unsigned Number;
    unsigned Described = 0; // or about to be: a bit for each kind
  };

  Numbered &numberOf(const void *Pointer) {
    return Numbers.try_emplace(Pointer, Numbered{Numbers.size()}).first->second;
  }
  void add(uint64_t Number) { appendNumber(Content, Number); }
  void addNumberOf(const void *Pointer) { add(numberOf(Pointer).Number); }
  void refer(const Reference &To);
  void addType(const Type *T) { refer({Reference::Type, T, {}}); }
  void addConstant(const Constant *C) { refer({Reference::Constant, C, {}}); }
  void addMetadata(const Metadata *Node);
  void addAttributes(AttributeList List);
  void addAttributeSet(AttributeSet Set);
  void addBits(const APInt &Bits);
  void addAlignment(MaybeAlign Alignment) {
    add(Alignment ? Alignment->value() : 0);
  }

  void describe(const Reference &To);
  void describeType(const Type &T);
  void describeConstant(const Constant &C);
  void describeExpression(const ConstantExpr &Expression);
  void describeSymbol(const GlobalValue &Global);
  void describeFunction(const Function &F);
  void describeVariable(const GlobalVariable &Variable);
  void describeNode(const MDNode &Node);
  void describeAccess(const MDNode &Tag);
  void describeWay(const MDNode &Tag);

  Fingerprints &Owner;
  Bytes Content;
  bool IsComplete = true;
  DenseMap<const void *, Numbered> Numbers;
  std::vector<Reference> Pending;
};

void Fingerprints::Digester::addBits(const APInt &Bits) {
  add(Bits.getBitWidth());
  for (unsigned I = 0; I != Bits.getNumWords(); ++I)
    add(Bits.getRawData()[I]);
}

void Fingerprints::Digester::refer(const Reference &To) {
  Numbered &Known = numberOf(To.Pointer);
  add(Known.Number);
  unsigned Kind = 1 << To.What;
  if (Known.Described & Kind)
    return;
  Known.Described |= Kind;
  Pending.push_back(To);
}

void Fingerprints::Digester::addListing(const Listing &L) {
  IsComplete &= L.IsComplete;
  addText({L.Own.data(), L.Own.size()});
  add(L.References.size());
  for (const Reference &To : L.References) {
    add(To.What);
    if (To.What == Reference::Metadata)
      addMetadata(static_cast<const Metadata *>(To.Pointer));
    else
      refer(To);
  }
}

std::optional<std::string> Fingerprints::Digester::finish() {
  for (size_t I = 0; I != Pending.size(); ++I) {
    const Reference To = Pending[I]; // describing adds more
    describe(To);
  }
  if (!IsComplete)
    return std::nullopt;
  auto Digest = BLAKE3::hash<16>(
      {reinterpret_cast<uint8_t *>(Content.data()), Content.size()});
  return toHex(Digest, /*LowerCase=*/true);
}

void Fingerprints::Digester::describe(const Reference &To) {
  add(To.What);
  switch (To.What) {
  case Reference::Type:
    return describeType(*static_cast<const Type *>(To.Pointer));
  case Reference::Constant:
    return describeConstant(*static_cast<const Constant *>(To.Pointer));
  case Reference::Metadata:
    return describeNode(*static_cast<const MDNode *>(To.Pointer));
  case Reference::Access:
    return describeAccess(*static_cast<const MDNode *>(To.Pointer));
  case Reference::Attributes:
    add(To.List.getNumAttrSets());
    for (AttributeSet Set : To.List)
      addAttributeSet(Set);
    return;
  }
}

// ---- types

void Fingerprints::Digester::describeType(const Type &T) {
  add(T.getTypeID());
  switch (T.getTypeID()) {
  case Type::IntegerTyID:
    return add(T.getIntegerBitWidth());
  case Type::PointerTyID:
    return add(T.getPointerAddressSpace());
  case Type::ArrayTyID:
    add(T.getArrayNumElements());
    break;
  case Type::FixedVectorTyID:
  case Type::ScalableVectorTyID:
    add(cast<VectorType>(T).getElementCount().getKnownMinValue());
    break;
  case Type::FunctionTyID:
    add(cast<FunctionType>(T).isVarArg());
    break;
  case Type::StructTyID: {
    auto &Struct = cast<StructType>(T);
    add(Struct.isLiteral());
    add(Struct.isPacked());
    add(Struct.isOpaque());
    break;
  }
  case Type::TypedPointerTyID:
  case Type::TargetExtTyID:
    IsComplete = false;
    break;
  default: // there is one of it
    break;
  }
  add(T.getNumContainedTypes());
  for (const Type *Contained : T.subtypes())
    addType(Contained);
}

// ---- attributes

void Fingerprints::Digester::addAttributes(AttributeList List) {
  refer({Reference::Attributes, List.getRawPointer(), List});
}

void Fingerprints::Digester::addAttributeSet(AttributeSet Set) {
  add(Set.getNumAttributes());
  for (Attribute A : Set) {
    if (A.isStringAttribute()) {
      add(0);
      addText(A.getKindAsString());
      addText(A.getValueAsString());
      // Where it is an internal one, the module must stay whole.
      if (is_contained(SymbolAttributes, A.getKindAsString()))
        add(Owner.namesInternal(A.getValueAsString()));
      continue;
    }
    add(1);
    add(A.getKindAsEnum());
    if (A.isIntAttribute())
      add(A.getValueAsInt());
    else if (A.isTypeAttribute())
      addType(A.getValueAsType());
    else if (!A.isEnumAttribute())
      addText(A.getAsString()); // ranges
  }
}

// ---- constants and symbols

void Fingerprints::Digester::describeConstant(const Constant &C) {
  if (auto *Global = dyn_cast<GlobalValue>(&C))
    return describeSymbol(*Global);
  add(C.getValueID());
  addType(C.getType());
  if (auto *Number = dyn_cast<ConstantInt>(&C))
    return addBits(Number->getValue());
  if (auto *Number = dyn_cast<ConstantFP>(&C))
    return addBits(Number->getValueAPF().bitcastToAPInt());
  if (auto *Data = dyn_cast<ConstantDataSequential>(&C))
    return addText(Data->getRawDataValues());
  if (auto *Expression = dyn_cast<ConstantExpr>(&C))
    return describeExpression(*Expression);
  add(C.getNumOperands());
  for (const Use &Operand : C.operands())
    addConstant(cast<Constant>(Operand));
  if (!isa<ConstantAggregate, ConstantAggregateZero, ConstantPointerNull,
           UndefValue, ConstantTokenNone>(C))
    IsComplete = false;
}

void Fingerprints::Digester::describeExpression(
    const ConstantExpr &Expression) {
  add(Expression.getOpcode());
  add(Expression.getRawSubclassOptionalData());
  if (auto *Address = dyn_cast<GEPOperator>(&Expression)) {
    addType(Address->getSourceElementType());
    std::optional<ConstantRange> Range = Address->getInRange();
    add(Range.has_value());
    if (Range) {
      addBits(Range->getLower());
      addBits(Range->getUpper());
    }
  } else if (!Expression.isCast() &&
             !Instruction::isBinaryOp(Expression.getOpcode())) {
    IsComplete = false;
  }
  add(Expression.getNumOperands());
  for (const Use &Operand : Expression.operands())
    addConstant(cast<Constant>(Operand));
}

// As a declaration of it in a unit would have it. Whether its body is still
// there depends on which units were made before.
void Fingerprints::Digester::describeSymbol(const GlobalValue &Global) {
  auto *Variable = dyn_cast<GlobalVariable>(&Global);
  bool IsCopied = Variable && isCopiedIntoUnits(*Variable);
  add(IsCopied);
  if (!IsCopied) // else it has no name in the unit
    addText(Global.getName());
  addType(Global.getType());
  addType(Global.getValueType());
  for (unsigned Property :
       {unsigned(Global.getLinkage()), unsigned(Global.getVisibility()),
        unsigned(Global.getThreadLocalMode()),
        unsigned(Global.getUnnamedAddr()),
        unsigned(Global.getDLLStorageClass()), unsigned(Global.isDSOLocal()),
        Global.getValueID()})
    add(Property);
  addText(Global.getPartition());
  IsComplete &= !Global.hasSanitizerMetadata();
  if (auto *Object = dyn_cast<GlobalObject>(&Global))
    addText(Object->getSection());
  if (auto *F = dyn_cast<Function>(&Global))
    describeFunction(*F);
  else if (Variable)
    describeVariable(*Variable);
}

void Fingerprints::Digester::describeFunction(const Function &F) {
  add(Owner.Small.contains(&F));
  addAlignment(F.getAlign());
  add(F.getCallingConv());
  addAttributes(F.getAttributes());
  addText(F.hasGC() ? StringRef(F.getGC()) : StringRef());
}

void Fingerprints::Digester::describeVariable(const GlobalVariable &Variable) {
  addAlignment(Variable.getAlign());
  add(Variable.isConstant());
  add(Variable.isExternallyInitialized());
  addAttributeSet(Variable.getAttributes());
  std::optional<CodeModel::Model> Model = Variable.getCodeModel();
  add(Model ? 1 + *Model : 0);
  if (isCopiedIntoUnits(Variable))
    addConstant(Variable.getInitializer());
}

// ---- metadata

void Fingerprints::Digester::addMetadata(const Metadata *Node) {
  if (!Node) {
    add(0);
  } else if (auto *Text = dyn_cast<MDString>(Node)) {
    add(1);
    addText(Text->getString());
  } else if (auto *Wrapper = dyn_cast<ConstantAsMetadata>(Node)) {
    add(2);
    addConstant(Wrapper->getValue());
    // Symbols in metadata are not what they are in code.
    IsComplete &= isa<ConstantData>(Wrapper->getValue());
  } else if (isa<MDTuple>(Node)) {
    add(3);
    refer({Reference::Metadata, Node, {}});
  } else {
    IsComplete = false;
  }
}

void Fingerprints::Digester::describeNode(const MDNode &Node) {
  add(Node.isDistinct());
  add(Node.getNumOperands());
  for (const MDOperand &Operand : Node.operands())
    addMetadata(Operand.get());
}

// A list of tags, with offsets and sizes between them, or a tag. Of the types
// only what pruneAccessTypes() leaves of them.
void Fingerprints::Digester::describeAccess(const MDNode &Node) {
  add(Node.isDistinct());
  add(Node.getNumOperands());
  unsigned First = 0;
  if (isAccessTag(Node)) {
    describeWay(Node);
    First = 2; // behind the types
  }
  for (unsigned I = First; I != Node.getNumOperands(); ++I) {
    auto *Tag = dyn_cast_or_null<MDTuple>(Node.getOperand(I).get());
    bool IsTag = Tag && isAccessTag(*Tag);
    add(IsTag);
    if (IsTag)
      refer({Reference::Access, Tag, {}});
    else
      addMetadata(Node.getOperand(I));
  }
}

void Fingerprints::Digester::describeWay(const MDNode &Tag) {
  const Metadata *Accessed = Tag.getOperand(1), *Next = Tag.getOperand(0);
  bool IsOnWay = false;
  addNumberOf(Next);
  addNumberOf(Accessed);
  walkAccess(Tag, [&](const MDNode &Type, unsigned Field) {
    IsOnWay |= &Type == Accessed;
    auto *Name = cast<MDString>(Type.getOperand(0).get());
    addText(Name->getString());
    addMetadata(Type.getOperand(Field + 1));
    Next = Type.getOperand(Field);
    addNumberOf(Next);
    auto OffsetAt = [&](unsigned I) {
      return mdconst::extract<ConstantInt>(Type.getOperand(I))->getZExtValue();
    };
    // So the order of a type's fields is that of their offsets.
    for (unsigned I = 2; I < Field; I += 2)
      IsComplete &= OffsetAt(I) <= OffsetAt(I + 2);
    if (Name->getString().empty() || Type.isDistinct()) // it is left whole
      addMetadata(&Type);
  });
  addMetadata(Next);
  if (!IsOnWay)
    addMetadata(Accessed);
}

// ---- the module around them

void Fingerprints::Digester::addFrame() {
  const Module &M = Owner.M;
  addText(M.getDataLayoutStr());
  addText(M.getTargetTriple().str());
  addText(M.getSourceFileName());
  // Bodies speak of these by their numbers.
  SmallVector<StringRef> MetadataKinds, BundleTags, SyncScopes;
  M.getContext().getMDKindNames(MetadataKinds);
  M.getContext().getOperandBundleTags(BundleTags);
  M.getContext().getSyncScopeNames(SyncScopes);
  for (ArrayRef<StringRef> Names :
       {ArrayRef(MetadataKinds), ArrayRef(BundleTags), ArrayRef(SyncScopes)}) {
    add(Names.size());
    for (StringRef Name : Names)
      addText(Name);
  }
  SmallVector<Module::ModuleFlagEntry, 8> Flags;
  M.getModuleFlagsMetadata(Flags);
  for (const Module::ModuleFlagEntry &Flag : Flags) {
    if (Flag.Key->getString() == "CG Profile") // units do not have it
      continue;
    add(Flag.Behavior);
    addText(Flag.Key->getString());
    addMetadata(Flag.Val);
  }
}

// Their types may be those of the functions' accesses.
void Fingerprints::Digester::addAccessesOfErrno() {
  if (const NamedMDNode *Tags = Owner.M.getNamedMetadata("llvm.errno.tbaa"))
    for (const MDNode *Tag : Tags->operands())
      refer({Reference::Access, Tag, {}});
}

Fingerprints::Fingerprints(const Module &M,
                           const DenseSet<const Function *> &Small)
    : M(M), Small(Small) {}

bool Fingerprints::namesInternal(StringRef Text) {
  auto [Entry, IsNew] = InternalNames.try_emplace(Text);
  if (IsNew)
    Entry->second = !internalNameIn(Text, M).empty();
  return Entry->second;
}

void Fingerprints::note(const Function &F) {
  Noted.try_emplace(&F, listFunction(F));
}

std::string Fingerprints::of(ArrayRef<const Function *> Functions) {
  if (!Frame) {
    Digester Common(*this);
    Common.addFrame();
    Frame = Common.finish().value_or("");
  }
  if (Frame->empty())
    return "";
  Digester Digest(*this);
  Digest.addText(*Frame);
  Digest.addAccessesOfErrno();
  for (const Function *F : Functions) {
    auto Found = Noted.find(F);
    Digest.addListing(Found == Noted.end() ? listFunction(*F) : Found->second);
  }
  return Digest.finish().value_or("");
}

} // namespace finegrain
