#include "listing.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Metadata.h"
#include "llvm/IR/Module.h"

using namespace llvm;

namespace finegrain {

namespace {
class Lister {
public:
  explicit Lister(const Function &F) : F(F) {}
  Listing run();

private:
  // What stands before an operand.
  enum OperandKind { Local, Shared, MetadataOperand };

  void add(uint64_t Number) { appendNumber(Result.Own, Number); }
  void addText(StringRef Text) { appendText(Result.Own, Text); }
  template <class T> void addList(ArrayRef<T> Numbers) {
    add(Numbers.size());
    for (T N : Numbers)
      add(N);
  }
  void addReference(Reference::Kind What, const void *Pointer) {
    Result.References.push_back({What, Pointer, {}});
  }
  void addType(const Type *T) { addReference(Reference::Type, T); }
  void addAttributes(AttributeList List) {
    Result.References.push_back(
        {Reference::Attributes, List.getRawPointer(), List});
  }
  void numberLocals();
  void addHeader();
  void addOperand(const Value *V);
  void addBlock(const BasicBlock *Block) { add(Locals.lookup(Block)); }
  void addInstruction(const Instruction &I);
  bool addFieldAddress(const GetElementPtrInst &Address);
  void addDetails(const Instruction &I);
  void addCall(const CallBase &Call);
  void addUses(const Instruction &I);
  void addAttachments(ArrayRef<std::pair<unsigned, MDNode *>> Attachments);
  template <class T> void addAccess(const T &I);
  template <class T> void addAtomic(const T &I, AtomicOrdering Ordering);

  const Function &F;
  Listing Result;
  DenseMap<const Value *, unsigned> Locals;
};
} // namespace

void Lister::numberLocals() {
  auto Number = [this](const Value &V) {
    Locals.try_emplace(&V, Locals.size());
  };
  for (const Argument &A : F.args())
    Number(A);
  for (const BasicBlock &Block : F) {
    Number(Block);
    for (const Instruction &I : Block)
      Number(I);
  }
}

void Lister::addOperand(const Value *V) {
  if (auto *C = dyn_cast<Constant>(V)) {
    add(Shared);
    addReference(Reference::Constant, C);
  } else if (auto Found = Locals.find(V); Found != Locals.end()) {
    add(Local);
    add(Found->second);
  } else if (auto *Wrapper = dyn_cast<MetadataAsValue>(V)) {
    add(MetadataOperand);
    addReference(Reference::Metadata, Wrapper->getMetadata());
  } else {
    Result.IsComplete = false; // inline assembly
  }
}

void Lister::addAttachments(
    ArrayRef<std::pair<unsigned, MDNode *>> Attachments) {
  add(Attachments.size());
  for (auto [Kind, Node] : Attachments) {
    add(Kind);
    bool IsAccess =
        Kind == LLVMContext::MD_tbaa || Kind == LLVMContext::MD_tbaa_struct;
    addReference(IsAccess ? Reference::Access : Reference::Metadata, Node);
  }
}

// What belongs to the function besides its body and what declarations have.
void Lister::addHeader() {
  addReference(Reference::Constant, &F);
  add(F.hasComdat());
  if (const Comdat *C = F.getComdat()) {
    addText(C->getName());
    add(C->getSelectionKind());
  }
  add(F.getNumOperands());
  for (const Value *Operand : F.operands()) // the personality and such data
    addOperand(Operand);
  SmallVector<std::pair<unsigned, MDNode *>, 2> Attachments;
  F.getAllMetadata(Attachments);
  addAttachments(Attachments);
}

// Native code makes bytes of a constant step, whatever the types it goes
// through: see addressFieldsByBytes() in split.cc.
bool Lister::addFieldAddress(const GetElementPtrInst &Address) {
  const DataLayout &Layout = F.getDataLayout();
  if (Layout.isDefault() || F.hasOptNone() ||
      !Address.getType()->isPointerTy() ||
      !Address.getSourceElementType()->isSized() || // if it is not sound
      Address.getSourceElementType()->isIntegerTy(8))
    return false;
  APInt Offset(Layout.getIndexTypeSizeInBits(Address.getType()), 0);
  if (!Address.accumulateConstantOffset(Layout, Offset) ||
      Offset.getBitWidth() > 64 ||
      Offset.isZero() != Address.hasAllZeroIndices())
    return false;
  add(1);
  add(Offset.getZExtValue());
  addOperand(Address.getPointerOperand());
  return true;
}

template <class T> void Lister::addAccess(const T &I) {
  add(I.getAlign().value());
  add(I.isVolatile());
}

template <class T> void Lister::addAtomic(const T &I, AtomicOrdering Ordering) {
  add(static_cast<uint64_t>(Ordering));
  add(I.getSyncScopeID());
}

void Lister::addCall(const CallBase &Call) {
  addType(Call.getFunctionType());
  add(Call.getCallingConv());
  addAttributes(Call.getAttributes());
  if (auto *Plain = dyn_cast<CallInst>(&Call))
    add(Plain->getTailCallKind());
  add(Call.getNumOperandBundles());
  for (unsigned I = 0; I != Call.getNumOperandBundles(); ++I) {
    OperandBundleUse Bundle = Call.getOperandBundleAt(I);
    add(Bundle.getTagID());
    add(Bundle.Inputs.size());
  }
}

// Making a value of a variable goes through its uses, in their order.
void Lister::addUses(const Instruction &I) {
  add(I.getNumUses());
  for (const Use &U : I.uses()) {
    addOperand(U.getUser());
    add(U.getOperandNo());
  }
}

// What an instruction has besides its type, flags and operands.
void Lister::addDetails(const Instruction &I) {
  switch (I.getOpcode()) {
  case Instruction::Ret:
  case Instruction::Br:
  case Instruction::Resume:
  case Instruction::Unreachable:
  case Instruction::Select:
  case Instruction::VAArg:
  case Instruction::ExtractElement:
  case Instruction::InsertElement:
  case Instruction::Freeze:
    break;
  case Instruction::Switch:
    add(cast<SwitchInst>(I).getNumCases());
    for (auto Case : cast<SwitchInst>(I).cases()) {
      addOperand(Case.getCaseValue());
      addBlock(Case.getCaseSuccessor());
    }
    break;
  case Instruction::Invoke:
  case Instruction::Call:
    addCall(cast<CallBase>(I));
    break;
  case Instruction::Alloca: {
    auto &Variable = cast<AllocaInst>(I);
    addType(Variable.getAllocatedType());
    add(Variable.getAlign().value());
    add(Variable.isUsedWithInAlloca());
    add(Variable.isSwiftError());
    addUses(I);
    break;
  }
  case Instruction::Load:
    addAccess(cast<LoadInst>(I));
    addAtomic(cast<LoadInst>(I), cast<LoadInst>(I).getOrdering());
    break;
  case Instruction::Store:
    addAccess(cast<StoreInst>(I));
    addAtomic(cast<StoreInst>(I), cast<StoreInst>(I).getOrdering());
    break;
  case Instruction::Fence:
    addAtomic(cast<FenceInst>(I), cast<FenceInst>(I).getOrdering());
    break;
  case Instruction::AtomicCmpXchg: {
    auto &Exchange = cast<AtomicCmpXchgInst>(I);
    addAccess(Exchange);
    add(Exchange.isWeak());
    addAtomic(Exchange, Exchange.getSuccessOrdering());
    addAtomic(Exchange, Exchange.getFailureOrdering());
    break;
  }
  case Instruction::AtomicRMW: {
    auto &Update = cast<AtomicRMWInst>(I);
    addAccess(Update);
    add(Update.getOperation());
    addAtomic(Update, Update.getOrdering());
    break;
  }
  case Instruction::GetElementPtr:
    addType(cast<GetElementPtrInst>(I).getSourceElementType());
    break;
  case Instruction::ICmp:
  case Instruction::FCmp:
    add(cast<CmpInst>(I).getPredicate());
    break;
  case Instruction::PHI:
    for (const BasicBlock *Block : cast<PHINode>(I).blocks())
      addBlock(Block);
    break;
  case Instruction::ShuffleVector:
    addList(cast<ShuffleVectorInst>(I).getShuffleMask());
    break;
  case Instruction::ExtractValue:
    addList(cast<ExtractValueInst>(I).getIndices());
    break;
  case Instruction::InsertValue:
    addList(cast<InsertValueInst>(I).getIndices());
    break;
  case Instruction::LandingPad:
    add(cast<LandingPadInst>(I).isCleanup());
    break;
  default:
    if (!I.isUnaryOp() && !I.isBinaryOp() && !I.isCast())
      Result.IsComplete = false;
  }
}

void Lister::addInstruction(const Instruction &I) {
  add(I.getOpcode());
  addType(I.getType());
  add(I.getRawSubclassOptionalData());
  auto *Address = dyn_cast<GetElementPtrInst>(&I);
  if (!Address || !addFieldAddress(*Address)) {
    add(0);
    add(I.getNumOperands());
    for (const Value *Operand : I.operands())
      addOperand(Operand);
    addDetails(I);
  }
  SmallVector<std::pair<unsigned, MDNode *>, 4> Attachments;
  if (I.hasMetadataOtherThanDebugLoc())
    I.getAllMetadataOtherThanDebugLoc(Attachments);
  addAttachments(Attachments);
  if (I.getDebugLoc() || I.hasDbgRecords())
    Result.IsComplete = false;
}

Listing Lister::run() {
  numberLocals();
  Result.Own.reserve(16 * Locals.size());
  Result.References.reserve(4 * Locals.size());
  addHeader();
  for (const BasicBlock &Block : F) {
    add(Block.size());
    for (const Instruction &I : Block)
      addInstruction(I);
  }
  return std::move(Result);
}

Listing listFunction(const Function &F) { return Lister(F).run(); }

} // namespace finegrain
