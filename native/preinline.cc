#include "preinline.h"
#include "error.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Analysis/AssumptionCache.h"
#include "llvm/Analysis/InlineCost.h"
#include "llvm/IR/Dominators.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/Verifier.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Transforms/Utils/Cloning.h"
#include "llvm/Transforms/Utils/PromoteMemToReg.h"

using namespace llvm;

namespace finegrain {

// In bytes. Nearly all functions that pass the limits below have fewer.
static constexpr size_t MaxBlockSize = 256;

// Instructions, those on local variables aside, of the function itself and with
// those of functions that are inlined into it. At most, about as many as
// setting up and making a call takes.
static constexpr unsigned MaxOwnWork = 8, MaxWork = 16;

// What a call takes counts as little, so calls have a limit of their own: as
// many as LLVM's inliner would surely take for the one that they replace.
static unsigned maxCalls(const Function &F) {
  return F.hasMinSize() ? 1 : F.hasOptSize() ? 2 : 3;
}

bool isSmallBlock(size_t Size) { return Size <= MaxBlockSize; }

struct PreInliner::SmallFunction {
  // Cyclic ones reach a cycle of calls: where to cut it would depend on which
  // function is asked for first.
  enum { Open, Kept, Cyclic, Inlined } State = Open;
  bool IsVisited = false;
  bool IsCandidate = false;
  unsigned Work = 0;
  SmallVector<Function *, 4> Callees; // that are small too
};

PreInliner::PreInliner(const DenseSet<const Function *> &Small,
                       Fingerprints *Prints)
    : Small(Small), Prints(Prints) {}

PreInliner::~PreInliner() = default;

static Error loadBody(Function &F) {
  if (Error E = F.materialize())
    return stepError("INVALID_INPUT", std::move(E));
  return Error::success();
}

// What is transformed must be sound, and nobody looks at it again.
static Error verifyBody(const Function &F) {
  std::string Message;
  raw_string_ostream OS(Message);
  if (verifyFunction(F, &OS))
    return stepError("INVALID_INPUT", "function '" + F.getName() +
                                          "': " + StringRef(Message).rtrim());
  return Error::success();
}

static bool isUntouchable(const Function &F) {
  return F.hasOptNone() || F.hasFnAttribute(Attribute::Naked) ||
         F.isPresplitCoroutine();
}

static bool isCall(const Instruction &I) {
  return isa<CallBase>(I) && !isa<IntrinsicInst>(I);
}

static bool isLocalVariable(const Value *Pointer) {
  auto *Alloca = dyn_cast<AllocaInst>(Pointer);
  return Alloca && Alloca->isStaticAlloca();
}

// Whether I will be gone, or is no code.
static bool isFree(const Instruction &I) {
  if (auto *Load = dyn_cast<LoadInst>(&I))
    return isLocalVariable(Load->getPointerOperand());
  if (auto *Store = dyn_cast<StoreInst>(&I))
    return isLocalVariable(Store->getPointerOperand());
  return isLocalVariable(&I) || I.isTerminator() || I.isLifetimeStartOrEnd() ||
         I.isDebugOrPseudoInst();
}

static std::optional<unsigned> countWork(const Function &F) {
  unsigned Work = 0, Calls = 0;
  for (const Instruction &I : instructions(F)) {
    if (isFree(I))
      continue;
    if (isa<AllocaInst>(I) || ++Work > MaxOwnWork ||
        (isCall(I) && ++Calls > maxCalls(F)))
      return std::nullopt;
    if (auto *Call = dyn_cast<CallInst>(&I); Call && Call->isMustTailCall())
      return std::nullopt;
  }
  return Work;
}

// What tools have marked to be seen at run time must not vanish.
static bool isInstrumented(const Function &F) {
  return any_of(F.getAttributes().getFnAttrs(), [](Attribute A) {
    return A.isStringAttribute() &&
           A.getKindAsString().starts_with("instrument-function");
  });
}

// The inliner makes metadata with F's name in it for arguments without aliases.
static bool mayBeInlined(Function &F) {
  return F.size() == 1 && !F.isInterposable() && !F.isVarArg() && !F.hasGC() &&
         !F.hasPrefixData() && !F.hasPrologueData() && !F.hasMetadata() &&
         !F.hasFnAttribute(Attribute::NoInline) &&
         !F.hasFnAttribute(Attribute::ReturnsTwice) && !isInstrumented(F) &&
         none_of(F.args(),
                 [](const Argument &A) { return A.hasNoAliasAttr(); }) &&
         isInlineViable(F).isSuccess();
}

SmallVector<Function *, 4> PreInliner::smallCallees(Function &F) const {
  SmallSetVector<Function *, 4> Callees;
  for (const Instruction &I : instructions(F))
    if (auto *Call = dyn_cast<CallBase>(&I))
      if (Function *Callee = Call->getCalledFunction())
        if (Small.contains(Callee))
          Callees.insert(Callee);
  return Callees.takeVector();
}

Expected<PreInliner::SmallFunction *> PreInliner::loadSmall(Function &F) {
  if (auto Found = Known.find(&F); Found != Known.end())
    return Found->second.get();
  if (Error E = loadBody(F))
    return E;
  if (Error E = verifyBody(F))
    return E;
  if (Prints)
    Prints->note(F);
  auto Loaded = std::make_unique<SmallFunction>();
  if (!isUntouchable(F) && mayBeInlined(F))
    if (std::optional<unsigned> Work = countWork(F)) {
      Loaded->IsCandidate = true;
      Loaded->Work = *Work;
      Loaded->Callees = smallCallees(F);
    }
  return (Known[&F] = std::move(Loaded)).get();
}

Expected<SmallVector<const Function *, 8>> PreInliner::load(Function &F) {
  SmallSetVector<Function *, 8> Seen;
  Seen.insert(&F);
  bool IsCandidate = false;
  if (!Small.contains(&F)) {
    if (Error E = loadBody(F))
      return E;
  } else if (Expected<SmallFunction *> Own = loadSmall(F)) {
    IsCandidate = (*Own)->IsCandidate;
  } else {
    return Own.takeError();
  }
  // A candidate may have been changed since, and nothing else has.
  if (!IsCandidate && !isUntouchable(F))
    Seen.insert_range(smallCallees(F));
  for (size_t I = IsCandidate ? 0 : 1; I < Seen.size(); ++I) {
    Expected<SmallFunction *> Other = loadSmall(*Seen[I]);
    if (!Other)
      return Other.takeError();
    Seen.insert_range((*Other)->Callees);
  }
  return SmallVector<const Function *, 8>(Seen.begin(), Seen.end());
}

bool PreInliner::canInline(const CallBase &Call) const {
  const Function *Callee = Call.getCalledFunction();
  const Function &Caller = *Call.getFunction();
  auto IsEqual = [&](StringRef Kind) {
    return Caller.getFnAttribute(Kind) == Callee->getFnAttribute(Kind);
  };
  auto Found = Known.find(Callee);
  return Found != Known.end() &&
         Found->second->State == SmallFunction::Inlined && Callee != &Caller &&
         !Call.isNoInline() && !Call.isMustTailCall() &&
         !Call.hasOperandBundles() && IsEqual("target-cpu") &&
         IsEqual("target-features") &&
         AttributeFuncs::areInlineCompatible(Caller, *Callee);
}

// Larger functions keep theirs: where the variable that tells how a scope is
// left is a value too early, LLVM makes arithmetic of branches on it, through
// which it cannot thread jumps later.
static void promoteVariables(Function &F) {
  SmallVector<AllocaInst *, 16> Variables;
  for (Instruction &I : F.getEntryBlock())
    if (auto *Variable = dyn_cast<AllocaInst>(&I))
      if (isAllocaPromotable(Variable))
        Variables.push_back(Variable);
  if (Variables.empty())
    return;
  DominatorTree Dominators(F);
  AssumptionCache Assumptions(F);
  PromoteMemToReg(Variables, Dominators, &Assumptions);
}

void PreInliner::inlineCallees(Function &F) {
  SmallVector<CallBase *, 16> Calls;
  for (Instruction &I : instructions(F))
    if (auto *Call = dyn_cast<CallBase>(&I); Call && Call->getCalledFunction())
      if (canInline(*Call))
        Calls.push_back(Call);
  for (CallBase *Call : Calls) {
    InlineFunctionInfo Info;
    InlineFunction(*Call, Info, /*MergeAttributes=*/true);
  }
}

void PreInliner::decide(Function &F, SmallFunction &Own) {
  if (!Own.IsCandidate) {
    Own.State = SmallFunction::Kept;
    return;
  }
  for (Function *Callee : Own.Callees) {
    const SmallFunction &Other = *Known[Callee];
    if (Other.IsCandidate && (Other.State == SmallFunction::Open ||
                              Other.State == SmallFunction::Cyclic)) {
      Own.State = SmallFunction::Cyclic;
      return;
    }
    if (Other.State == SmallFunction::Inlined)
      Own.Work += Other.Work;
  }
  Own.State =
      Own.Work <= MaxWork ? SmallFunction::Inlined : SmallFunction::Kept;
  if (Own.State == SmallFunction::Inlined) {
    inlineCallees(F);
    promoteVariables(F);
  }
}

// Callees first. Not by recursion: calls can be nested as deep as one likes.
void PreInliner::visit(Function &Root) {
  SmallVector<std::pair<Function *, size_t>, 8> Stack;
  auto Enter = [&](Function &F) {
    SmallFunction &Own = *Known[&F];
    if (!std::exchange(Own.IsVisited, true))
      Stack.emplace_back(&F, 0);
  };
  Enter(Root);
  while (!Stack.empty()) {
    auto &[F, Next] = Stack.back();
    SmallFunction &Own = *Known[F];
    if (Next == Own.Callees.size()) {
      decide(*F, Own);
      Stack.pop_back();
      continue;
    }
    Enter(*Own.Callees[Next++]);
  }
}

bool PreInliner::isInlined(const Function &F) const {
  auto Found = Known.find(&F);
  return Found != Known.end() && Found->second->State == SmallFunction::Inlined;
}

Error PreInliner::run(Function &F) {
  if (Small.contains(&F))
    visit(F);
  else if (Error E = verifyBody(F))
    return E;
  if (isUntouchable(F) || isInlined(F))
    return Error::success();
  for (Function *Callee : smallCallees(F))
    visit(*Callee);
  inlineCallees(F);
  return Error::success();
}

} // namespace finegrain
